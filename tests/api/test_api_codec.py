"""The Python interface with the shipped model: sources, modes, and what quality does."""

from __future__ import annotations

import io
import itertools
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sample_files import encoded

import cnncompress
from cnncompress.api.calls import compress, decompress, restore_original
from cnncompress.api.codec import Codec
from cnncompress.errors import (
    UnreadableImage,
)
from cnncompress.model.manifest import models_directory, read_manifest
from cnncompress.probe import probe

Pixels = NDArray[np.uint8]


def psnr(one: object, other: object) -> float:
    error = float(np.mean((np.asarray(one, dtype=float) - np.asarray(other, dtype=float)) ** 2))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def test_every_kind_of_source_gives_the_same_file(codec: Codec, crop: Pixels, packed: bytes, tmp_path: Path) -> None:
    image = Image.fromarray(crop)
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(image))
    read_only, flipped = crop.copy(), np.ascontiguousarray(crop[:, ::-1])
    read_only.setflags(write=False)
    for source in (crop, read_only, flipped[:, ::-1], image, encoded(image), path, str(path)):
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
