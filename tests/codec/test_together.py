"""Batches: tiles and images that are run together are those that are run one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from batching import close, force_batches
from numpy.typing import NDArray
from PIL import Image
from random_model import write_random_model

from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import ChunkType, pack, unpack
from cnncompress.codec.mosaic import LatentMosaic, groups
from cnncompress.codec.tiles import TileGrid
from cnncompress.codec.together import FileDecoder, decode_alike
from cnncompress.codec.unpacking import parse
from cnncompress.errors import Corrupt, InvalidModel, LimitExceeded, UnknownModel
from cnncompress.images.limits import Limits
from cnncompress.images.settings import ImageSettings
from cnncompress.images.view import View
from cnncompress.probe import probe
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
MEGAPIXEL = 1 << 20

TF32_SHARE = 0.05
"""Values that a GPU may decode otherwise, by 1/255: 2 % were measured on an H100, whose convolutions use TF32."""


def batching(pixels_at_once: int) -> tuple[Codec, list[int]]:
    """A codec whose engine asks for batches as that of a GPU does, and the sizes of those that it gets."""
    codec = Codec(device="cpu", engine="torch")
    return codec, force_batches(codec._codec, pixels_at_once)


@pytest.fixture(scope="module")
def alone() -> Codec:
    return Codec(device="cpu", engine="torch")


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


def test_symbols_of_a_batch_are_read_as_they_were_coded(coffee: Pixels) -> None:
    codec, _ = batching(MEGAPIXEL)
    pipeline, quality = codec._codec._pipeline, Hundredths(50_00)
    pixels = np.stack([coffee[100 * i : 100 * i + 64, :128] for i in range(3)])
    coded = pipeline.transform.quantise(pipeline.transform.analyse(pixels, quality), quality)
    payloads = [pipeline.pack(latents) for latents in coded.latents]
    for latents, payload in zip(coded.latents, payloads, strict=True):
        found = pipeline.unpack(payload, (64, 128), quality)
        for name in ("z", "z_levels", "y", "y_levels"):
            assert np.array_equal(getattr(found, name), getattr(latents, name))
    assert torch.equal(pipeline.decode(payloads, (64, 128), quality), coded.y_hat)


def test_latents_of_a_few_rows_are_held(coffee: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where batches go over several rows of tiles, as in a region whose windows are all alike."""
    write_random_model(tmp_path / "small.safetensors")
    codec = Codec(tmp_path / "small.safetensors", device="cpu", engine="torch")
    counts = force_batches(codec._codec, MEGAPIXEL)
    image = np.ascontiguousarray(np.tile(coffee[:256, :512], (5, 1, 1)))
    data = codec.compress(image, 50, coding="learned", tile=64)
    held: list[int] = []
    put = LatentMosaic.put

    def counted(mosaic: LatentMosaic, number: int, latent: object) -> None:
        put(mosaic, number, latent)
        held.append(len(mosaic._latents))

    monkeypatch.setattr(LatentMosaic, "put", counted)
    whole = np.asarray(codec.decompress(data))
    assert max(counts) > 1 and max(held) < 8 * 10, "of 20 rows of 8 tiles"
    held.clear()
    counts.clear()
    region = codec.decompress(data, crop=(192, 0, 128, 1280))
    assert max(counts) > 2 and max(held) < 8 * 14, "a batch is of several rows here"
    assert close(region, whole[:, 192:320])


@pytest.mark.parametrize("checksum", [False, True])
def test_a_damaged_tile_of_a_batch_is_the_only_one_that_is_lost(alone: Codec, coffee: Pixels, checksum: bool) -> None:
    codec, _ = batching(MEGAPIXEL)
    data = codec.compress(np.ascontiguousarray(coffee[:64, :600]), 50, coding="learned", tile=64)
    damaged = with_reversed_payload(data, 4, checksum=checksum)
    with pytest.raises(Corrupt, match="tile 5 of 9: " if checksum else "checksum"):
        codec.decompress(damaged)
    with pytest.warns(match=r"tile 5 of 9") as warned:
        shown = codec.decompress(damaged, keep_going=True)
    assert len(warned) == 1
    whole = np.asarray(alone.decompress(data)).astype(int)
    differences = np.abs(np.asarray(shown) - whole).max(axis=(0, 2))
    assert differences[: 256 - 80].max() <= 1 and differences[320 + 80 :].max() <= 1
    assert differences[256:320].max() > 30


def test_images_of_mixed_sizes(alone: Codec, coffee: Pixels, chelsea: Pixels, tmp_path: Path) -> None:
    """Seven that the networks see as 128x192 make batches of two; one of another size is left alone."""
    codec, counts = batching(2 * 128 * 192)
    crops = [np.ascontiguousarray(coffee[10 * i : 10 * i + 100 + i, 40 : 220 - 3 * i]) for i in range(5)]
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
    assert [image.size for image in decoded] == [(image.shape[1], image.shape[0]) for image in images]
    for shown, data in zip(decoded, files, strict=True):
        assert close(shown, alone.decompress(data))


def with_reversed_payload(data: bytes, number: int, *, checksum: bool) -> bytes:
    """Damages the payload of a latent chunk; with a checksum that is right all the same."""
    container = unpack(data)
    payload = container.payloads(ChunkType.LATENTS)[number]
    damaged = bytes(reversed(payload))
    if not checksum:
        return data.replace(payload, damaged)
    chunks = [replace(chunk, payload=damaged) if chunk.payload == payload else chunk for chunk in container.chunks]
    return pack(replace(container, chunks=tuple(chunks)))


def test_qualities_are_not_mixed(alone: Codec, coffee: Pixels) -> None:
    codec, counts = batching(MEGAPIXEL)
    crop = np.ascontiguousarray(coffee[:64, :64])
    files = [alone.compress(crop, quality, coding="learned") for quality in (20, 80, 20)]
    decoded = codec.decompress_all(files)
    assert sorted(counts) == [1, 2]
    assert all(close(image, alone.decompress(data)) for image, data in zip(decoded, files, strict=True))


def test_a_damaged_file_is_told_from_those_of_its_batch(alone: Codec, coffee: Pixels, tmp_path: Path) -> None:
    codec, _ = batching(MEGAPIXEL)
    data = alone.compress(np.ascontiguousarray(coffee[:64, :64]), 50, coding="learned")
    assert len(codec.decompress_all([data, data])) == 2
    damaged = tmp_path / "damaged.cnc"
    damaged.write_bytes(with_reversed_payload(data, 0, checksum=True))
    with pytest.raises(Corrupt, match=r"damaged\.cnc: "):
        codec.decompress_all([data, damaged, data])
    parsed = [FileDecoder(parse(each), View(), Limits(), lambda _: codec._codec) for each in (data, damaged, data)]
    decode_alike(parsed)
    assert close(parsed[0].decode().image, alone.decompress(data))
    assert close(parsed[2].decode().image, alone.decompress(data))


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), InvalidModel("no finite numbers")])
def test_images_of_a_batch_that_fails_are_coded_alone(
    alone: Codec, coffee: Pixels, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: object) -> None:
        raise error

    codec, counts = batching(MEGAPIXEL)
    monkeypatch.setattr(codec._codec, "code_together", fail)
    crops = [np.ascontiguousarray(coffee[i : i + 64, :64]) for i in range(2)]
    assert codec.compress_all(crops, 30) == [alone.compress(crop, 30) for crop in crops]
    assert set(counts) == {1}


def test_errors_name_the_first_file_that_fails(codec: Codec, coffee: Pixels, tmp_path: Path) -> None:
    good, damaged, foreign, large = (tmp_path / name for name in ("good", "damaged", "foreign", "large"))
    data = codec.compress(np.ascontiguousarray(coffee[:64, :64]), 50, coding="learned")
    good.write_bytes(data)
    damaged.write_bytes(with_reversed_payload(data, 0, checksum=True))
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
        assert close(image, alone.decompress(data), TF32_SHARE)
    large = np.ascontiguousarray(np.tile(coffee, (2, 3, 1)))
    data = codec.compress(large, 50, coding="learned", tile=128)
    assert close(codec.decompress(data), alone.decompress(data), TF32_SHARE)


def test_one_after_the_other_gives_the_bytes_of_single_calls(codec: Codec, coffee: Pixels) -> None:
    crops = [np.ascontiguousarray(coffee[i : i + 64, :64]) for i in range(3)]
    assert codec.compress_all(crops, 30) == [codec.compress(crop, 30) for crop in crops]
    assert codec.compress_all([]) == codec.decompress_all([]) == []
