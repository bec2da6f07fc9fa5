"""Tars of samples in a WebDataset pipeline and a DataLoader, and for engines that call functions."""

from __future__ import annotations

import multiprocessing
import tarfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sample_files import encoded
from tar_files import tar_of

import cnncompress
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import Corrupt, PartLost, PlanError, UnknownModel
from cnncompress.webdataset import compress_tars, decode


@pytest.fixture
def tar(tmp_path: Path, coffee: NDArray[np.uint8]) -> Path:
    """Six small photographs with labels."""
    contents = {}
    for number in range(6):
        contents[f"{number}.png"] = encoded(Image.fromarray(coffee[32 * number : 32 * number + 64, 200:264]))
        contents[f"{number}.cls"] = str(number).encode()
    path = tmp_path / "in-000.tar"
    path.write_bytes(tar_of(contents))
    return path


def test_members(coffee: NDArray[np.uint8]) -> None:
    data = cnncompress.compress(coffee[:32, :32], coding="lossless")
    for key in (".cnc", "cnc", ".left.CNC"):
        image = decode(key, data)
        assert image is not None and np.array_equal(np.asarray(image), coffee[:32, :32])
    assert decode(".png", data) is None and decode(".cnc.json", data) is None
    with pytest.raises(Corrupt):
        decode(".cnc", data[:-1] + bytes([data[-1] ^ 1]))


def test_tars_for_engines(tar: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (line,) = compress_tars([str(tar)], str(out), quality=30)
    assert (line["status"], line["tar"]["images"], line["tar"]["others"]) == ("ok", 6, 6)
    (line,) = compress_tars([str(tar)], str(out), quality=30)
    assert (line["status"], line["reason"]) == ("skipped", "finished already")
    (line,) = compress_tars([str(tar)], str(out), quality=31)
    assert (line["status"], line["exit_code"]) == ("error", 5)
    (line,) = compress_tars([str(tmp_path / "missing.tar")], str(out))
    assert (line["status"], line["exit_code"]) == ("error", 3)
    with pytest.raises(UnknownModel):
        list(compress_tars([str(tar)], str(out), model="none"))


def test_two_tars_of_one_name_are_refused(tar: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / tar.name
    other.parent.mkdir()
    other.write_bytes(tar.read_bytes())
    with pytest.raises(PlanError, match="would both become"):
        list(compress_tars(map(str, [tar, other]), str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def first_channel(image: Image.Image) -> Any:
    return np.asarray(image)[:, :, 0].copy()


def test_one_thread_by_default(coffee: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    class Codecs(CodecCache):
        def __init__(self, settings: ModelSettings) -> None:
            asked.append(settings.threads)
            super().__init__(settings)

    monkeypatch.setattr("cnncompress.webdataset.CodecCache", Codecs)
    data = cnncompress.compress(coffee[:8, :8], coding="lossless")
    assert decode(".cnc", data, model="no-such-model") is not None
    assert decode(".cnc", data, model="no-such-model", threads=3) is not None
    assert asked == [1, 3]


def test_what_a_decoder_mends_is_told() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    data = cnncompress.store_original(encoded(noise, "JPEG")[:-2])
    with pytest.warns(PartLost):
        expected = cnncompress.decompress(data)
    with pytest.warns(PartLost) as told:
        image = decode(".cnc", data)
    assert image is not None and image.tobytes() == expected.tobytes()
    assert told[0].filename == __file__


@pytest.mark.slow
@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_pipeline_and_data_loader(tar: Path, tmp_path: Path, start: str) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    from torch.utils.data import DataLoader

    out = tmp_path / "out"
    assert [line["status"] for line in compress_tars([str(tar)], str(out), quality=90)] == ["ok"]
    if start == "fork":
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("no fork")
        with tarfile.open(out / "in-000.tar") as archive:  # the workers are forked from a process that has decoded
            assert decode(".cnc", archive.extractfile("0.cnc").read()) is not None  # type: ignore[union-attr]
    (tmp_path / "out" / "in-001.tar").write_bytes((out / "in-000.tar").read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of WebDataset
        dataset = webdataset.WebDataset(
            [str(out / "in-000.tar"), str(out / "in-001.tar")], shardshuffle=False, empty_check=False
        )
        dataset = dataset.decode(decode).to_tuple("cnc", "cls").map_tuple(first_channel, int)
        loader = DataLoader(dataset, batch_size=3, num_workers=2, multiprocessing_context=start)
        batches = list(loader)
    assert [tuple(images.shape) for images, _ in batches] == [(3, 64, 64)] * 4
    assert sorted(int(label) for _, labels in batches for label in labels) == sorted([*range(6), *range(6)])
    with tarfile.open(tar) as archive:
        original = np.asarray(Image.open(archive.extractfile("0.png")))[:, :, 0].astype(float)  # type: ignore[arg-type]
    images, labels = batches[0]
    assert np.abs(np.asarray(images[labels == 0][0], float) - original).mean() < 8
