"""The Python interface with the shipped model: arguments, modes, limits, and what quality does."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import math
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import cnncompress
from cnncompress.api.calls import compress, decompress, restore_original
from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import Container, pack, unpack
from cnncompress.codec.targets import TargetBpp, TargetPsnr, TargetSize
from cnncompress.errors import (
    BadMagic,
    Corrupt,
    DeviceError,
    InvalidModel,
    LimitExceeded,
    PartLost,
    Truncated,
    UnknownModel,
    UnreadableImage,
    UnsupportedImage,
)
from cnncompress.images.limits import Limits
from cnncompress.model.manifest import models_directory, read_manifest
from cnncompress.probe import probe

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def crop(astronaut: Pixels) -> Pixels:
    return np.ascontiguousarray(astronaut[40:110, 180:290])


@pytest.fixture(scope="module")
def packed(codec: Codec, crop: Pixels) -> bytes:
    return codec.compress(crop, 60)


def psnr(one: object, other: object) -> float:
    error = float(np.mean((np.asarray(one, dtype=float) - np.asarray(other, dtype=float)) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def with_header(data: bytes, **changes: Any) -> bytes:
    """The same file with other values in its header, and right checksums."""
    container = unpack(data)
    return pack(Container(dataclasses.replace(container.header, **changes), container.chunks))


def test_every_kind_of_source_gives_the_same_file(codec: Codec, crop: Pixels, packed: bytes, tmp_path: Path) -> None:
    image = Image.fromarray(crop)
    path = tmp_path / "picture.png"
    path.write_bytes(png(image))
    read_only, flipped = crop.copy(), np.ascontiguousarray(crop[:, ::-1])
    read_only.setflags(write=False)
    for source in (crop, read_only, flipped[:, ::-1], image, png(image), path, str(path)):
        assert codec.compress(source, 60) == packed


def test_sources_are_left_as_they_are(codec: Codec, crop: Pixels) -> None:
    array, image = crop.copy(), Image.fromarray(crop)
    codec.compress(array)
    codec.compress(image)
    assert np.array_equal(array, crop) and image.tobytes() == crop.tobytes()


def test_functions_and_codec_agree(crop: Pixels, packed: bytes, codec: Codec) -> None:
    model = models_directory() / read_manifest().entries[0].file
    assert cnncompress.compress(crop, 60, device="cpu") == packed
    assert compress(crop, quality=60, model=codec.model, device="cpu") == packed
    expected = codec.decompress(packed).tobytes()
    assert cnncompress.decompress(packed, device="cpu").tobytes() == expected
    assert decompress(packed, model=str(model), device="cpu").tobytes() == expected
    assert cnncompress.info is probe


def test_a_path_is_a_model_too(crop: Pixels, packed: bytes) -> None:
    codec = Codec(models_directory() / read_manifest().entries[0].file, "cpu")
    assert codec.compress(crop, 60) == packed
    assert codec.decompress(packed).size == (110, 70)


def test_file_says_what_it_is(codec: Codec, packed: bytes) -> None:
    facts = probe(packed)
    assert (facts.width, facts.height, facts.mode, facts.quality) == (110, 70, "RGB", 60.0)
    assert facts.fingerprint == codec.fingerprint.hex() and facts.model == codec.model
    assert facts.file_bytes == len(packed)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(70, 50), (1, 1), (1, 90), (33, 1)])
def test_modes_come_back_with_exact_alpha(codec: Codec, astronaut: Pixels, mode: str, size: tuple[int, int]) -> None:
    image = Image.fromarray(astronaut).crop((150, 40, 150 + size[0], 40 + size[1])).convert(mode)
    if "A" in mode:
        alpha = np.random.default_rng(4).integers(0, 256, size[::-1], dtype=np.uint8)
        image.putalpha(Image.fromarray(alpha))
    data = codec.compress(image, 80)
    back = codec.decompress(data)
    assert (back.mode, back.size) == (mode, size)
    assert probe(data).mode == mode
    if "A" in mode:
        assert back.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    colour = "RGB" if "RGB" in mode else "L"
    assert psnr(back.convert(colour), image.convert(colour)) > 22


def test_arrays_of_every_shape(codec: Codec, crop: Pixels) -> None:
    alpha = np.full((70, 110, 1), 9, dtype=np.uint8)
    for array, mode in [(crop[..., 0], "L"), (crop, "RGB"), (np.concatenate([crop, alpha], axis=2), "RGBA")]:
        back = codec.decompress(codec.compress(array, 70))
        assert back.mode == mode and np.asarray(back).shape == array.shape
        assert psnr(back, array) > 25


@pytest.mark.parametrize("quality", [-0.01, 100.01, -1, 101, math.nan, math.inf, -math.inf])
def test_quality_out_of_range(codec: Codec, crop: Pixels, quality: float) -> None:
    with pytest.raises(ValueError, match=r"quality is .*, must be within 0 \.\. 100"):
        codec.compress(crop, quality)


@pytest.mark.parametrize("quality", ["50", b"50", [50], 5j])
def test_quality_that_is_no_number(codec: Codec, crop: Pixels, quality: Any) -> None:
    with pytest.raises(TypeError, match=r"quality is .*50.*|quality is 5j, must be a number within 0 \.\. 100"):
        codec.compress(crop, quality)


def test_quality_and_target_exclude_each_other(codec: Codec, crop: Pixels) -> None:
    for function in (codec.compress, compress):
        with pytest.raises(ValueError, match="both a quality, 60, and a target"):
            function(crop, 60, target=cnncompress.TargetSize(2000))


def test_quality_is_kept_in_hundredths(codec: Codec, crop: Pixels) -> None:
    single: Any = np.float32(12.5)
    for quality, kept in [(0, 0.0), (100, 100.0), (33.333, 33.33), (99.999, 100.0), (single, 12.5)]:
        assert probe(codec.compress(crop, quality)).quality == kept
    assert probe(codec.compress(crop)).quality == 60.0


def test_size_and_psnr_rise_with_quality(codec: Codec, astronaut: Pixels) -> None:
    photograph = astronaut[:384, 64:448]
    files = [codec.compress(photograph, quality) for quality in (0, 25, 50, 75, 100)]
    sizes = [len(data) for data in files]
    quality = [psnr(codec.decompress(data), photograph) for data in files]
    assert all(1.2 * low < high for low, high in itertools.pairwise(sizes)), sizes
    assert all(low + 0.5 < high for low, high in itertools.pairwise(quality)), quality
    assert quality[0] > 22 and quality[-1] > 34
    assert 8 * sizes[0] / photograph[..., 0].size < 0.4
    assert 8 * sizes[-1] / photograph[..., 0].size < 5


def test_two_threads_make_equal_files(codec: Codec, crop: Pixels, packed: bytes) -> None:
    results: list[tuple[bytes, bytes]] = []

    def work() -> None:
        for _ in range(3):
            data = codec.compress(crop, 60)
            results.append((data, codec.decompress(data).tobytes()))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [(packed, codec.decompress(packed).tobytes())] * 6


def test_max_pixels_holds_both_ways(codec: Codec, packed: bytes, crop: Pixels) -> None:
    exact = Codec(device="cpu", limits=Limits(110 * 70))
    assert exact.compress(crop, 60) == packed
    assert exact.decompress(packed).size == (110, 70)
    strict = Codec(device="cpu", limits=Limits(110 * 70 - 1))
    for source in (crop, png(Image.fromarray(crop)), Image.fromarray(crop)):
        with pytest.raises(LimitExceeded, match="7699"):
            strict.compress(source)
    with pytest.raises(LimitExceeded, match="110x70 pixels are more than the limit of 7699"):
        strict.decompress(packed)
    with pytest.raises(LimitExceeded, match="65535x65535"):
        codec.decompress(with_header(packed, width=65535, height=65535))


def test_files_of_other_models(codec: Codec, packed: bytes) -> None:
    foreign = with_header(packed, fingerprint=b"\x01\x02\x03\x04")
    with pytest.raises(UnknownModel, match=f"made with model 01020304, not with {codec.fingerprint.hex()}"):
        codec.decompress(foreign)
    with pytest.raises(UnknownModel, match="fingerprint 01020304, which is not installed"):
        decompress(foreign)
    assert probe(foreign).model is None


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("missing.png", UnreadableImage),
        (b"", UnreadableImage),
        (b"not an image", UnreadableImage),
        (np.zeros((4, 4), dtype=np.float32), UnsupportedImage),
        (np.zeros((4, 4, 2), dtype=np.uint8), UnsupportedImage),
        (np.zeros((0, 4, 3), dtype=np.uint8), UnsupportedImage),
        (Image.fromarray(np.full((3, 3), np.nan, dtype=np.float32)), UnsupportedImage),
    ],
)
def test_unusable_sources(codec: Codec, source: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        codec.compress(source)
    assert "\n" not in str(caught.value)


def test_sources_of_no_known_type(codec: Codec) -> None:
    for source, name in ((5, "int"), (None, "NoneType"), ([[1]], "list")):
        wrong: Any = source
        with pytest.raises(TypeError, match=f"an image is given as {name}, expected a path"):
            codec.compress(wrong)
        for function in (codec.decompress, decompress, restore_original, probe):
            with pytest.raises(TypeError, match=f"a file is given as {name}, expected its bytes, its path or"):
                function(wrong)


def test_files_are_bytes_paths_or_streams(codec: Codec, packed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.cnc"
    path.write_bytes(packed)
    expected = codec.decompress(packed)
    for source in (path, str(path), bytearray(packed), memoryview(packed), io.BytesIO(packed)):
        assert probe(source) == probe(packed)
        assert codec.decompress(source) == expected
        assert restore_original(source) is None
    assert decompress(path, device="cpu") == expected
    for function in (codec.decompress, decompress, restore_original, probe):
        with pytest.raises(UnreadableImage, match="no such file"):
            function(tmp_path / "missing.cnc")


def test_bytes_behind_the_end_are_warned_of(codec: Codec, packed: bytes) -> None:
    with pytest.raises(Corrupt, match="extra bytes at the end of the file"):
        restore_original(packed + b"more")
    for function in (codec.decompress, decompress):
        with pytest.raises(Corrupt, match="extra bytes at the end of the file"):
            function(packed + b"more")
        with pytest.warns(PartLost, match="extra bytes at the end of the file, which are ignored") as caught:
            assert function(packed + b"more", keep_going=True) == codec.decompress(packed)
        assert len(caught) == 1 and caught[0].filename == __file__


def test_unusable_files(codec: Codec, packed: bytes) -> None:
    for data, error in [(b"", Truncated), (b"GIF89a", BadMagic), (packed[:-1], Truncated), (packed + b"0", Corrupt)]:
        for function in (codec.decompress, decompress, probe):
            with pytest.raises(error):
                function(data)


def test_unknown_models_and_devices(crop: Pixels) -> None:
    with pytest.raises(UnknownModel, match="no model named 'nobody'"):
        compress(crop, model="nobody")
    with pytest.raises(UnknownModel, match="no weights file"):
        Codec(Path("nowhere.safetensors"))
    with pytest.raises(DeviceError, match="unknown device 'abacus'"):
        Codec(device="abacus")


def test_coding_on_a_cpu_does_without_torch() -> None:
    """Neither wrong names nor effort along the linear path load it."""
    script = """
import sys, contextlib, numpy, cnncompress
for wrong, error in (({"model": "nowhere.safetensors"}, "UnknownModel"), ({"device": "abacus"}, "DeviceError")):
    try:
        cnncompress.Codec(**wrong)
    except getattr(cnncompress, error):
        continue
    sys.exit("no error")
codec = cnncompress.Codec(device="cpu")
data = codec.compress(numpy.zeros((20, 30, 3), numpy.uint8), effort=3, coding="learned")
codec.decompress(data, scale=0.5)
codec.decompress(data)
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_torchs_compiler_is_not_loaded() -> None:
    """It takes longer than torch itself, and single operations on the meta device bring it in."""
    script = """
import sys, numpy, cnncompress
codec = cnncompress.Codec(device="cpu", engine="torch")
codec.decompress(codec.compress(numpy.zeros((20, 30, 3), numpy.uint8), coding="learned"))
sys.exit("torch._dynamo" in sys.modules or "torch" not in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_manifest_may_be_elsewhere(
    crop: Pixels, packed: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second model beside the first: each file is decoded by the one that it names."""
    shutil.copytree(models_directory(), tmp_path / "models")
    values = json.loads((tmp_path / "models" / "manifest.json").read_text(encoding="utf-8"))
    broken = {**values["models"][0], "name": "broken", "file": "broken.safetensors", "sha256": "01020304" + "0" * 56}
    values["models"].insert(0, broken)
    (tmp_path / "models" / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "models" / "broken.safetensors").write_bytes(b"nothing")
    monkeypatch.setattr("cnncompress.model.manifest.models_directory", lambda: tmp_path / "models")
    assert decompress(packed, device="cpu").size == (110, 70)
    with pytest.raises(InvalidModel, match=r"SHA-256 is .*, the manifest says 01020304"):
        decompress(with_header(packed, fingerprint=b"\x01\x02\x03\x04"), device="cpu")


def test_misuse_is_told_in_a_sentence() -> None:
    import torch

    device, limits = torch.device("cpu"), 100
    with pytest.raises(TypeError, match=r"device is device\(type='cpu'\), expected a name such as 'cpu' or 'cuda:0'"):
        Codec(device=device)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"limits is 100, expected a cnncompress\.Limits"):
        Codec(device="cpu", limits=limits)  # type: ignore[arg-type]
    for call in (compress, decompress):
        with pytest.raises(TypeError, match="device is device"):
            call(b"", device=device)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes is '200k', expected a whole number of bytes"):
        TargetSize("200k")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bits_per_pixel is None, expected a number"):
        TargetBpp(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="decibels is True, expected a number"):
        TargetPsnr(True)
    with pytest.raises(TypeError, match=r"max_pixels is 1\.5, expected a whole number"):
        Limits(max_pixels=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="quality is True, must be a number"):
        compress(np.zeros((2, 2), np.uint8), True)
    with pytest.raises(TypeError, match="target is 1000, must be a TargetSize"):
        compress(np.zeros((2, 2), np.uint8), target=1000)  # type: ignore[arg-type]
