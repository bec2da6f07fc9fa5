"""Batches: tiles and images that are run together are those that are run one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from random_model import write_random_model

from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import ChunkType, pack, unpack
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.mosaic import groups
from cnncompress.codec.tiles import TileGrid
from cnncompress.engines.torch import TorchEngine
from cnncompress.errors import Corrupt, LimitExceeded, UnknownModel
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.probe import probe

Pixels = NDArray[np.uint8]
MEGAPIXEL = 1 << 20


class Counting(TorchEngine):
    """Notes how many images each call gets."""

    counts: list[int]

    def analyse(self, pixels, *rest):  # type: ignore[no-untyped-def]
        self.counts.append(len(pixels))
        return super().analyse(pixels, *rest)

    def synthesise(self, y, *rest):  # type: ignore[no-untyped-def]
        self.counts.append(len(y))
        return super().synthesise(y, *rest)


def batching(pixels_at_once: int) -> tuple[Codec, list[int]]:
    """A codec whose engine asks for batches as that of a GPU does, and the sizes of those that it gets."""
    codec = Codec(device="cpu", engine="torch")
    inner: ModelCodec = codec._codec
    engine = inner._engine
    assert isinstance(engine, TorchEngine) and engine.pixels_at_once == 0
    forced = Counting(engine.network, torch.device("cpu"), pixels_at_once=pixels_at_once)
    forced.counts = []
    inner._run_on(forced)
    return codec, forced.counts


@pytest.fixture(scope="module")
def alone() -> Codec:
    return Codec(device="cpu", engine="torch")


def close(first: object, second: object) -> bool:
    """Whether two images are equal up to one step in some places."""
    differences = np.abs(np.asarray(first).astype(int) - np.asarray(second))
    return bool(differences.max() <= 1 and (differences > 0).mean() < 0.01)


@pytest.mark.parametrize(
    ("size", "side", "at_once", "expected"),
    [
        ((640, 64), 64, 0, [1] * 10),
        ((640, 64), 64, 3 * 256 * 64, [1, 1, 3, 3, 1, 1]),
        ((640, 64), 64, MEGAPIXEL, [1, 1, 6, 1, 1]),
        ((640, 200), 64, MEGAPIXEL, [1, 1, 6, 1, 1] * 3),
        ((200, 200), 0, MEGAPIXEL, [1]),
    ],
)
def test_groups_of_tiles(size: tuple[int, int], side: int, at_once: int, expected: list[int]) -> None:
    """The windows of two tiles at each end of a row reach the image's edge, so that no other is like them."""
    grid = TileGrid(*size, side)
    found = groups(grid, range(len(grid)), 96, at_once)
    assert [number for group in found for number in group] == list(range(len(grid)))
    assert [len(group) for group in found] == expected


def test_tiles_of_an_image(alone: Codec, coffee: Pixels) -> None:
    photo, tile = np.ascontiguousarray(coffee[:170, :590]), 64
    codec, counts = batching(MEGAPIXEL)
    data = codec.compress(photo, 50, coding="learned", tile=tile)
    assert max(counts) > 1 and sum(counts) == len(TileGrid(590, 170, tile))
    assert close(codec.decompress(data), alone.decompress(data))
    assert max(counts[len(counts) // 2 :]) > 1
    assert close(codec.decompress(data, crop=(70, 10, 400, 150)), alone.decompress(data, crop=(70, 10, 400, 150)))
    assert close(codec.decompress(data, scale=0.5), alone.decompress(data, scale=0.5))
    single = alone.compress(photo, 50, coding="learned", tile=tile)
    assert len(data) == pytest.approx(len(single), rel=0.002), "sums are rounded in another order, and nothing else"


def test_a_damaged_tile_of_a_batch_is_the_only_one_that_is_lost(alone: Codec, coffee: Pixels) -> None:
    codec, _ = batching(MEGAPIXEL)
    data = codec.compress(np.ascontiguousarray(coffee[:64, :600]), 50, coding="learned", tile=64)
    container = unpack(data)
    middle = container.payloads(ChunkType.LATENTS)[4]
    damaged = data.replace(middle, bytes(reversed(middle)))
    with pytest.raises(Corrupt):
        codec.decompress(damaged)
    with pytest.warns(match=r"tile 5 of 9") as warned:
        shown = codec.decompress(damaged, keep_going=True)
    assert len(warned) == 1
    whole = np.asarray(alone.decompress(data)).astype(int)
    differences = np.abs(np.asarray(shown) - whole).max(axis=(0, 2))
    assert differences[: 256 - 80].max() <= 1 and differences[320 + 80 :].max() <= 1
    assert differences[256:320].max() > 30


def test_images_of_mixed_sizes(alone: Codec, coffee: Pixels, chelsea: Pixels, tmp_path: Path) -> None:
    """Five of one size make batches of two; one in tiles, one of another size and one without loss are left alone."""
    codec, counts = batching(2 * 128 * 192)
    crops = [np.ascontiguousarray(coffee[10 * i : 10 * i + 100, 40:220]) for i in range(5)]
    flat = np.zeros((100, 180, 3), np.uint8)
    flat[20:40, 30:50] = 200
    others = [np.ascontiguousarray(chelsea[:90, :200]), flat, np.ascontiguousarray(chelsea[:100, :180])]
    images = [crops[0], others[0], *crops[1:4], others[1], crops[4], others[2]]
    files = codec.compress_all(images, 40)
    batches = counts[: counts.index(1)] if 1 in counts else counts
    assert batches == [2, 2, 2], "three pairs, and then what is coded alone"
    assert [probe(data).coding for data in files].count("lossless") >= 1
    for image, data in zip(images, files, strict=True):
        single = alone.compress(image, 40)
        assert probe(data).coding == probe(single).coding
        assert len(data) == pytest.approx(len(single), rel=0.01)
    counts.clear()
    decoded = codec.decompress_all(files)
    assert max(counts) == 2
    for shown, data in zip(decoded, files, strict=True):
        assert close(shown, alone.decompress(data))


def test_qualities_are_not_mixed(alone: Codec, coffee: Pixels) -> None:
    codec, counts = batching(MEGAPIXEL)
    crop = np.ascontiguousarray(coffee[:64, :64])
    files = [alone.compress(crop, quality, coding="learned") for quality in (20, 80, 20)]
    decoded = codec.decompress_all(files)
    assert sorted(counts) == [1, 2]
    assert all(close(image, alone.decompress(data)) for image, data in zip(decoded, files, strict=True))


def test_a_damaged_file_is_told_from_those_of_its_batch(alone: Codec, coffee: Pixels) -> None:
    codec, _ = batching(MEGAPIXEL)
    data = alone.compress(np.ascontiguousarray(coffee[:64, :64]), 50, coding="learned")
    container = unpack(data)
    (payload,) = container.payloads(ChunkType.LATENTS)
    assert len(codec.decompress_all([data, data])) == 2
    with pytest.raises(Corrupt):
        codec.decompress_all([data, data[: data.index(payload)] + bytes(reversed(payload))])


def test_errors_name_the_first_file_that_fails(codec: Codec, coffee: Pixels, tmp_path: Path) -> None:
    good, damaged, foreign, large = (tmp_path / name for name in ("good", "damaged", "foreign", "large"))
    data = codec.compress(np.ascontiguousarray(coffee[:64, :64]), 50, coding="learned")
    container = unpack(data)
    chunks = [
        replace(chunk, payload=bytes(reversed(chunk.payload))) if chunk.type == ChunkType.LATENTS else chunk
        for chunk in container.chunks
    ]
    good.write_bytes(data)
    damaged.write_bytes(pack(replace(container, chunks=tuple(chunks))))  # with the right checksum
    write_random_model(tmp_path / "other.safetensors")
    foreign.write_bytes(Codec(tmp_path / "other.safetensors", "cpu").compress(coffee[:64, :64], coding="learned"))
    for files, error, named in (
        ((good, damaged, foreign), Corrupt, damaged),
        ((good, foreign, damaged), UnknownModel, foreign),
        ((good, foreign, foreign, damaged), UnknownModel, foreign),
    ):
        with pytest.raises(error, match=re.escape(f"{named}: ")):
            codec.decompress_all(files)
    Image.fromarray(coffee[:300, :300]).save(large, "PNG")
    Image.fromarray(coffee[:30, :30]).save(good, "PNG")
    settings = ImageSettings(limits=Limits(memory=10_000_000))
    for call in (
        lambda: codec.compress_all([good, large], coding="learned", settings=settings),
        lambda: codec.compress(large, coding="learned", settings=settings, tile=0),
    ):
        with pytest.raises(LimitExceeded, match=re.escape(f"{large}: ")):
            call()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_batches_on_a_gpu(alone: Codec, coffee: Pixels) -> None:
    codec = Codec(device="cuda")
    crops = [np.ascontiguousarray(coffee[20 * i : 20 * i + 128, :192]) for i in range(6)]
    files = codec.compress_all(crops, 50, coding="learned")
    assert codec.compress_all(crops, 50, coding="learned") == files, "the same batch gives the same bytes"
    for image, data in zip(codec.decompress_all(files), files, strict=True):
        assert close(image, alone.decompress(data))
    large = np.ascontiguousarray(np.tile(coffee, (2, 3, 1)))
    data = codec.compress(large, 50, coding="learned", tile=128)
    assert close(codec.decompress(data), alone.decompress(data))


def test_one_after_the_other_gives_the_bytes_of_single_calls(codec: Codec, coffee: Pixels) -> None:
    crops = [np.ascontiguousarray(coffee[i : i + 64, :64]) for i in range(3)]
    assert codec.compress_all(crops, 30) == [codec.compress(crop, 30) for crop in crops]
    assert codec.compress_all([]) == codec.decompress_all([]) == []
