"""Whole files without the network: lossless images, stored originals, and metadata around latents."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, features

from cnncompress.api.calls import compress, decompress, restore_original, store_original
from cnncompress.bitstream.ancillary import Metadata, SourceRecord
from cnncompress.bitstream.container import Chunk, ChunkType, Container, Header, Layout, pack, unpack
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.packing import pack_colours, pack_lossless
from cnncompress.codec.progress import Progress
from cnncompress.codec.unpacking import Colours, OriginalFile, decode, parse
from cnncompress.errors import (
    BitstreamError,
    Corrupt,
    FeatureLoss,
    LimitExceeded,
    UnreadableImage,
    UnsupportedImage,
)
from cnncompress.images.limits import Limits
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.view import View
from cnncompress.probe import probe
from cnncompress.units import Hundredths

PIXELS = np.random.default_rng(3).integers(0, 256, (5, 7, 4), dtype=np.uint8)
MODES = ["1", "L", "LA", "RGB", "RGBA"]
METADATA = Metadata(b"profile" * 20, b"II*\0\x08\0\0\0\0\0\0\0\0\0", b"<x/>")
RECORD = SourceRecord("png", 123)


@dataclass
class Painter:
    """Decodes every latent to the same colours."""

    plane: Plane

    def colours(self, parsed: ParsedFile, view: View, progress: Progress) -> Colours:
        return Colours(self.plane)


def image_of(mode: str) -> Image.Image:
    image = Image.fromarray(PIXELS).convert("RGB" if mode in ("1", "L", "RGB") else "RGBA").convert(mode)
    image.info.update(icc_profile=METADATA.icc, exif=b"Exif\0\0" + bytes(METADATA.exif or b""), xmp=METADATA.xmp)
    return image


def png(image: Image.Image, path: Path) -> bytes:
    image.save(path, "PNG", exif=image.info.get("exif", b""))
    return path.read_bytes()


def with_payload(data: bytes, kind: ChunkType, payload: bytes) -> bytes:
    """The file with another payload in one of its chunks, and right checksums."""
    container = unpack(data)
    chunks = (Chunk(chunk.type, payload if chunk.type == kind else chunk.payload) for chunk in container.chunks)
    return pack(Container(container.header, tuple(chunks)))


@pytest.mark.parametrize("mode", MODES)
def test_lossless(mode: str) -> None:
    image = image_of(mode)
    data = compress(image, coding="lossless", source=RECORD)
    back = decompress(data)
    assert (back.mode, back.size, back.tobytes()) == (mode, image.size, image.tobytes())
    assert back.info == image.info
    facts = probe(data)
    assert (facts.mode, facts.coding, facts.model, facts.source) == (mode, "lossless", None, RECORD)
    assert restore_original(data) is None
    assert data == compress(read_image(image), coding="lossless", source=RECORD)


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(4))),
    st.sampled_from(["L", "RGB", "RGBA"]),
)
def test_lossless_arrays(pixels: NDArray[np.uint8], mode: str) -> None:
    array = {"L": pixels[..., 0], "RGB": pixels[..., :3], "RGBA": pixels}[mode]
    back = np.asarray(decompress(compress(array, coding="lossless")))
    assert back.shape == array.shape and (back == array).all()


def test_plain_lossless_file_has_31_bytes_besides_its_planes() -> None:
    data = compress(PIXELS[..., :3], coding="lossless")
    assert len(data) == 17 + len(unpack(data).payload(ChunkType.LOSSLESS))


def test_sides_that_webp_cannot_have() -> None:
    long = np.zeros((1, 16384, 3), np.uint8)
    assert (np.asarray(decompress(compress(long, coding="lossless"))) == long).all()


@pytest.mark.parametrize("mode", MODES)
def test_metadata_and_alpha_around_latents(mode: str) -> None:
    source = read_image(image_of(mode))
    data = pack_colours(source, ChunkType.LATENTS, [b"latents"], Hundredths(50_00), b"abcd", RECORD)
    container = unpack(data)
    back = decode(parse(data), View(), Limits(), lambda fingerprint: Painter(source.colour)).image
    assert (back.mode, back.tobytes()) == (mode, image_of(mode).tobytes())
    assert back.info == image_of(mode).info
    assert probe(data).source == RECORD
    types = [chunk.type for chunk in container.chunks]
    assert types == [1, *([4] if "A" in mode else []), 128, 129, 130, 131]


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "PPM", "BMP", "AVIF"])
def test_stored_original_comes_back_bit_for_bit(file_format: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    Image.fromarray(PIXELS[..., :3]).save(path, file_format)
    original = path.read_bytes()
    data = store_original(original, source=SourceRecord("IMG", len(original)))
    ending = {"JPEG": "jpg", "TIFF": "tiff"}.get(file_format, file_format.lower())
    assert restore_original(data) == OriginalFile(original, ending)
    length_bytes = 1 if len(original) < 128 else 2
    assert len(data) == 11 + length_bytes + 4 + len(original) + 1 + 6 + 5 + 3
    facts = probe(data)
    assert (facts.coding, facts.original, facts.width, facts.height, facts.mode) == ("stored", ending, 7, 5, "RGB")
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    assert (np.asarray(decompress(data)) == expected).all()


def test_stored_original_is_read_like_any_input(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(PIXELS)
    image.info.update(exif=exif.tobytes(), icc_profile=METADATA.icc)
    data = store_original(png(image, tmp_path / "image"))
    facts = probe(data)
    assert (facts.width, facts.height, facts.mode, facts.chunks[0][0]) == (5, 7, "RGBA", "original")
    back = decompress(data)
    assert (back.size, back.mode, back.getexif()[0x0112]) == ((5, 7), "RGBA", 1)
    assert back.info["icc_profile"] == METADATA.icc


def test_originals_that_would_lose_something(tmp_path: Path) -> None:
    deep = png(Image.fromarray(np.full((5, 7), 257, np.uint16)), tmp_path / "deep.png")
    data = store_original(deep, settings=ImageSettings(strict=True))
    assert restore_original(data) == OriginalFile(deep, "png")
    with pytest.warns(FeatureLoss, match="16-bit samples are reduced to 8 bits"):
        back = decompress(data)
    assert (back.mode, back.getpixel((0, 0))) == ("L", 1)


@pytest.mark.parametrize(
    "changes",
    [{"strip": frozenset({"exif"})}, {"strip": frozenset({"icc"})}, {"keep_alpha": False}, {"background": (0, 0, 0)}],
)
def test_what_is_to_be_left_out_is_not_stored(changes: dict[str, Any], tmp_path: Path) -> None:
    original = png(image_of("RGBA"), tmp_path / "image.png")
    with pytest.raises(UnsupportedImage, match="cannot be stored unchanged"):
        store_original(original, settings=ImageSettings(**changes))
    plain = png(Image.fromarray(PIXELS[..., :3]), tmp_path / "plain.png")
    assert restore_original(store_original(plain, settings=ImageSettings(**changes))) == OriginalFile(plain, "png")


def test_unusable_originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = png(image_of("RGB"), tmp_path / "image.png")
    with pytest.raises(UnreadableImage):
        store_original(b"not an image")
    with pytest.raises(UnreadableImage):
        store_original(original[:-30])
    with pytest.raises(LimitExceeded):
        store_original(original, settings=ImageSettings(limits=Limits(34)))
    path = tmp_path / "frames.gif"
    Image.fromarray(PIXELS).save(path, save_all=True, append_images=[Image.new("RGB", (7, 5))])
    with pytest.raises(UnsupportedImage, match="more than one frame"):
        store_original(path.read_bytes())
    with pytest.raises(UnsupportedImage, match="cannot be stored unchanged"):
        store_original(path.read_bytes(), settings=ImageSettings(frame=0))
    monkeypatch.setattr("cnncompress.codec.packing.MAX_PAYLOAD_BYTES", 10)
    with pytest.raises(LimitExceeded, match="more than the 10 that can be stored"):
        store_original(original)


def test_limits_hold_for_files_too(tmp_path: Path) -> None:
    lossless = compress(PIXELS, coding="lossless")
    stored = store_original(png(image_of("RGB"), tmp_path / "image.png"))
    for data in (lossless, stored):
        with pytest.raises(LimitExceeded, match="limit of 34"):
            decompress(data, limits=Limits(34))
        with pytest.raises(LimitExceeded, match="a side is longer than 6"):
            decompress(data, limits=Limits(max_dim=6))
    with pytest.raises(LimitExceeded):
        compress(PIXELS, coding="lossless", settings=ImageSettings(limits=Limits(34)))


def test_originals_that_are_not_what_the_header_says(tmp_path: Path) -> None:
    data = store_original(png(image_of("RGB"), tmp_path / "image.png"))
    for width, height, message in [(6, 5, "limit of 30"), (8, 5, "has 7x5 pixels, not 8x5")]:
        header = Header(Layout.RGB, width, height, Hundredths(0), bytes(4))
        with pytest.raises(Corrupt, match=message):
            decompress(pack(Container(header, unpack(data).chunks)))
    with pytest.raises(Corrupt, match="the stored original cannot be read: it is not an image"):
        decompress(with_payload(data, ChunkType.ORIGINAL, b"nonsense"))


def test_losses_are_warnings_or_errors() -> None:
    cmyk = Image.new("CMYK", (3, 2))
    with pytest.warns(FeatureLoss, match="CMYK is converted to sRGB, without a profile") as caught:
        data = compress(cmyk, coding="lossless")
    assert len(caught) == 1
    assert decompress(data).mode == "RGB"
    with pytest.raises(UnsupportedImage, match="strict: CMYK"):
        compress(cmyk, coding="lossless", settings=ImageSettings(strict=True))
    assert compress(read_image(cmyk), coding="lossless") == data, "whoever read it knows"


@pytest.mark.parametrize("kind", [ChunkType.LOSSLESS, ChunkType.ICC, ChunkType.EXIF, ChunkType.XMP])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_behind_right_checksums(kind: ChunkType, data: st.DataObject) -> None:
    good = pack_lossless(SourceImage(PIXELS[..., :3], PIXELS[..., 3], Layout.RGBA, METADATA))
    payload = bytearray(unpack(good).payload(kind))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(payload[: data.draw(st.integers(0, len(payload)))])
    try:
        image = decompress(with_payload(good, kind, damaged))
    except BitstreamError as error:
        assert "\n" not in str(error)
    else:
        assert (image.mode, image.size) == ("RGBA", (7, 5))


def test_no_torch_where_no_model_is_needed(tmp_path: Path) -> None:
    png(image_of("RGB"), tmp_path / "image.png")
    script = (
        "import sys, cnncompress as c; source = sys.argv[1]; data = open(source, 'rb').read()\n"
        "for packed in (c.compress(source, coding='lossless'), c.store_original(data)):\n"
        "    c.decompress(packed); c.restore_original(packed); c.info(packed)\n"
        "import cnncompress.pillow; cnncompress.pillow.register()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "image.png")], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("False\n", "", 0)


def test_webp_is_compiled_in() -> None:
    assert features.check("webp"), "lossless and alpha need it"
