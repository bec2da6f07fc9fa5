"""Large images through the Python interface, in small: parts, previews, damaged files, limits."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnncompress.api.calls import compress, decompress
from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import Chunk, ChunkType, Container, pack, unpack
from cnncompress.codec.tiles import TileGrid, check_tile_count
from cnncompress.errors import BitstreamError, Corrupt, LimitExceeded, OutsideImage, PartLost
from cnncompress.images.limits import Limits

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def tiny(random_model: Path) -> Codec:
    return Codec(random_model, "cpu")


@pytest.fixture(scope="module")
def photo(coffee: Pixels) -> Image.Image:
    """271x170, with transparency and metadata."""
    image = Image.fromarray(np.ascontiguousarray(coffee[60:230, 150:421]))
    rows, columns = np.mgrid[0:170, 0:271]
    image.putalpha(Image.fromarray(((rows * 7 + columns * 3) % 256).astype(np.uint8)))
    image.info["xmp"] = b"<x/>"
    return image


MODES = pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])


@MODES
@pytest.mark.parametrize("lossless", [False, True])
def test_parts_and_previews_of_all_kinds(tiny: Codec, photo: Image.Image, mode: str, lossless: bool) -> None:
    image = photo.convert(mode)
    image.info["xmp"] = b"<x/>"
    data = compress(image, coding="lossless") if lossless else tiny.compress(image, tile=64)
    if mode == "1" and not lossless:  # the shorter of two, which is not what is tested here
        data = data if unpack(data).coding == "learned" else tiny.compress(image.convert("L"), tile=64)
    whole = tiny.decompress(data)
    part = tiny.decompress(data, crop=(60, 50, 140, 31))
    assert (part.mode, part.info) == (whole.mode, whole.info)
    assert (np.asarray(part) == np.asarray(whole)[50:81, 60:200]).all()
    small = tiny.decompress(data, scale=1 / 4)
    assert (small.mode, small.size, small.info) == (whole.mode, (68, 43), whole.info)
    if mode.endswith("A"):
        assert small.getchannel("A").tobytes() == whole.getchannel("A").reduce(4).tobytes()


def test_functions_take_the_same_arguments(tiny: Codec, random_model: Path, photo: Image.Image) -> None:
    calls: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        calls.append((done, total))

    data = compress(photo, 60, tile=128, model=random_model, device="cpu", progress=note)
    assert data == tiny.compress(photo, 60, tile=128)
    part = decompress(data, crop=(10, 20, 30, 40), model=random_model, device="cpu", progress=note)
    assert np.array_equal(np.asarray(part), np.asarray(tiny.decompress(data, crop=(10, 20, 30, 40))))
    assert decompress(data, scale=0.5, model=random_model, device="cpu").size == (136, 85)
    assert calls == [(1, 2), (2, 2), (1, 1)]


def test_arguments_that_are_refused(tiny: Codec, photo: Image.Image) -> None:
    data = tiny.compress(photo, tile=64)
    with pytest.raises(OutsideImage, match="271x171 pixels from 0,0"):
        tiny.decompress(data, crop=(0, 0, 271, 171))
    with pytest.raises(ValueError, match="exclude each other"):
        tiny.decompress(data, crop=(0, 0, 5, 5), scale=0.5)
    with pytest.raises(ValueError, match="the side of tiles is 100"):
        tiny.compress(photo, tile=100)


def without(data: bytes, *numbers: int) -> bytes:
    """The file with a wrong bit in some of its chunks."""
    chunks = unpack(data).chunks
    starts = np.cumsum([len(data) - sum(len(chunk.payload) for chunk in chunks), *(len(c.payload) for c in chunks)])
    damaged = bytearray(data)
    for number in numbers:
        damaged[int(starts[number])] ^= 128
    return bytes(damaged)


def test_what_is_left_of_a_damaged_file(tiny: Codec, photo: Image.Image) -> None:
    data = tiny.compress(photo, tile=64)
    names = [chunk.type for chunk in unpack(data).chunks]
    assert names == [ChunkType.LATENTS] * 12 + [ChunkType.ALPHA, ChunkType.XMP]
    damaged = without(data, 11, 12, 13)
    with pytest.raises(Corrupt, match="checksum of the latents chunk"):
        tiny.decompress(damaged)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        left = tiny.decompress(damaged, keep_going=True)
    assert {warning.category for warning in caught} == {PartLost}
    assert sorted(str(warning.message) for warning in caught) == [
        "the alpha chunk is lost",
        "the alpha plane is lost, and everything opaque",
        "the xmp chunk is lost",
        "tile 12 of 12 is lost and left gray: 79x42 pixels from 192,128",
    ]
    whole = tiny.decompress(data)
    assert (left.mode, left.size) == (whole.mode, whole.size) and "xmp" not in left.info
    assert (np.asarray(left)[:40, :180, :3] == np.asarray(whole)[:40, :180, :3]).all()
    assert left.getchannel("A").getextrema() == (255, 255)
    assert tiny.decompress(data, keep_going=True) == whole


def test_metadata_that_cannot_be_inflated(tiny: Codec, photo: Image.Image) -> None:
    container = unpack(tiny.compress(photo))
    chunks = (*container.chunks[:-1], Chunk(ChunkType.XMP, b"no deflate"))
    damaged = pack(Container(container.header, chunks))
    with pytest.raises(Corrupt, match="xmp"):
        tiny.decompress(damaged)
    with pytest.warns(PartLost, match="the metadata are lost"):
        assert "xmp" not in tiny.decompress(damaged, keep_going=True).info


def test_damage_that_the_checksums_do_not_show(tiny: Codec, photo: Image.Image) -> None:
    container = unpack(tiny.compress(photo, tile=64))
    chunks = (Chunk(ChunkType.LATENTS, b"\x01\0\0\0"), *container.chunks[1:])
    damaged = pack(Container(container.header, chunks))
    with pytest.raises(Corrupt, match="tile 1 of 12: entropy-coded data"):
        tiny.decompress(damaged)
    with pytest.warns(PartLost, match="tile 1 of 12 is lost and left gray: 64x64 pixels from 0,0"):
        tiny.decompress(damaged, keep_going=True)


def test_limits_of_memory(random_model: Path, photo: Image.Image) -> None:
    small = Codec(random_model, "cpu", limits=Limits(memory=100_000))
    with pytest.raises(LimitExceeded, match="of memory"):
        small.compress(photo)
    with pytest.raises(LimitExceeded, match="of memory"):
        small.compress(np.asarray(photo))
    data = Codec(random_model, "cpu").compress(photo)
    with pytest.raises(LimitExceeded, match="of memory"):
        small.decompress(data)
    with pytest.raises(LimitExceeded, match="of memory"):
        decompress(compress(photo, coding="lossless"), limits=Limits(memory=100_000))


def test_more_tiles_than_a_file_can_hold() -> None:
    check_tile_count(TileGrid(65535, 65535, 512))
    with pytest.raises(LimitExceeded, match="65536 tiles of 64 pixels are more than the 65535 that a file can hold"):
        check_tile_count(TileGrid(16384, 16384, 64))


def test_bytes_do_not_depend_on_the_limit(random_model: Path, photo: Image.Image) -> None:
    limits = [Limits(memory=limit) for limit in (10**8, 10**9, 10**12)]
    files = {Codec(random_model, "cpu", limits=limit).compress(photo, tile=64) for limit in limits}
    assert len(files) == 1


def test_stored_originals_are_cut_when_asked(tiny: Codec, photo: Image.Image, tmp_path: Path) -> None:
    from cnncompress.api.calls import store_original

    photo.convert("RGB").save(tmp_path / "photo.png")
    data = store_original((tmp_path / "photo.png").read_bytes())
    part = tiny.decompress(data, crop=(1, 2, 3, 4))
    assert isinstance(part, Image.Image) and part.size == (3, 4)


def test_model_and_photo_make_more_than_one_row_of_tiles(tiny: Codec, photo: Image.Image) -> None:
    """Or the tests above would show less than they say."""
    grid = TileGrid.of(unpack(tiny.compress(photo, tile=64)).header)
    assert (grid.columns, grid.rows) == (4, 3)


@pytest.mark.slow
def test_any_damage_ends_in_an_image_or_a_clear_error(tiny: Codec, photo: Image.Image) -> None:
    data = tiny.compress(photo, tile=64)
    rng = random.Random(4)
    ends = {"image": 0, "error": 0}
    for _ in range(60):
        damaged = bytearray(data[: rng.choice((len(data), rng.randrange(len(data))))])
        for _ in range(rng.randrange(3)):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PartLost)
            try:
                image = tiny.decompress(bytes(damaged), keep_going=True, scale=rng.choice((1, 1 / 8)))
            except BitstreamError:
                ends["error"] += 1
            else:
                assert image.mode == photo.mode and image.size in (photo.size, (34, 22))
                ends["image"] += 1
    assert min(ends.values()) > 5
