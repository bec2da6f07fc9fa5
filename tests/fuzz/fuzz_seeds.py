"""What damage starts from: golden files, files of a small model, messages, and inputs that once were too much."""

from __future__ import annotations

import io
import random
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from random_model import narrow_tables

from cnncompress.api.calls import compress, store_original
from cnncompress.api.codec import Codec
from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.entropy.coder import EntropyModel, SymbolEncoder
from cnncompress.entropy.tables import TOTAL, ScaleTables, build_tables
from cnncompress.model.config import SCALE_LEVELS

CORPUS = Path(__file__).parent / "corpus"
GOLDEN = Path(__file__).parents[1] / "golden"

_EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0"
_STORED_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF", "SGI")


def corpus(target: str) -> list[bytes]:
    """Inputs kept for a target, most of which it failed on once."""
    return [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]


@cache
def golden_files() -> tuple[bytes, ...]:
    """All golden .cnc files."""
    return tuple(path.read_bytes() for path in sorted(GOLDEN.rglob("*.cnc")))


@cache
def plain_files() -> tuple[bytes, ...]:
    """Files that need no model, with all kinds of chunks and of stored originals."""
    image = photograph(13, 9)
    image.info.update(exif=_EXIF, icc_profile=b"profile", xmp=b'<x tiff:Orientation="1"/>')
    files = [compress(image, coding="lossless", source=SourceRecord("png", 1234))]
    files += [compress(image.convert(mode), 60, coding="avif") for mode in ("L", "RGB", "RGBA")]
    for name in _STORED_FORMATS:
        stream = io.BytesIO()
        options = {"exif": _EXIF} if name in ("PNG", "JPEG", "WEBP") else {}
        image.save(stream, name, **options)
        files.append(store_original(stream.getvalue()))
    return tuple(files)


def photograph(width: int, height: int) -> Image.Image:
    """Smooth colours with some noise, always the same."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(width).integers(0, 20, (height, width, 3))
    planes = np.stack([rows * 5, columns * 4, (rows + columns) * 3], axis=2) + noise
    return Image.fromarray(np.clip(planes, 0, 255).astype(np.uint8))


def learned_files(codec: Codec) -> list[bytes]:
    """Files of every layout and of odd sizes, some in tiles, made with a model."""
    image = photograph(40, 33)
    transparent = image.copy()
    transparent.putalpha(image.convert("L"))
    tagged = photograph(5, 70)
    tagged.info.update(exif=_EXIF, icc_profile=b"profile", xmp=b"<x/>")
    images = (image, image.convert("L"), transparent, transparent.convert("LA"), image.convert("1"), tagged)
    record = SourceRecord("jpg", 99)
    qualities = (0, 20, 50, 70, 90, 100)
    files = [codec.compress(source, quality, source=record) for source, quality in zip(images, qualities, strict=True)]
    files.append(codec.compress(photograph(1, 1), 33.33, source=SourceRecord("", 0)))
    wide = photograph(100, 70)
    wide.putalpha(wide.convert("L"))
    return [*files, codec.compress(wide, 40, tile=64), codec.compress(photograph(64, 128), 60, tile=64)]


@cache
def entropy_models() -> tuple[EntropyModel, ...]:
    """Gaussian tables, narrow ones, and ones with one weight that leaves nothing to the others."""
    gaussian = build_tables(np.zeros((SCALE_LEVELS, 2 * 2047 + 1), dtype=np.int64))
    steep = []
    for level in range(SCALE_LEVELS):
        weights = np.ones(8, np.int64)  # radius 3
        weights[level % 8] = TOTAL - 7
        steep.append(weights)
    extreme = ScaleTables(np.full(SCALE_LEVELS, 3, np.int32), np.concatenate(steep).astype(np.int32))
    return tuple(EntropyModel(tables) for tables in (gaussian, narrow_tables(2), extreme))


def entropy_inputs() -> list[bytes]:
    """Messages behind the four bytes in which the entropy target finds model, number of symbols and levels."""
    inputs = []
    rng = random.Random(3)
    for count in (0, 1, 2, 40, 400):
        for which, model in enumerate(entropy_models()):
            head = bytes([which, *count.to_bytes(2, "little"), rng.randrange(256)])
            encoder = SymbolEncoder(model)
            for part in reversed(entropy_levels(head)):
                wild = np.random.default_rng(count).standard_cauchy(len(part)) * 2
                encoder.push(np.clip(np.rint(wild), -(1 << 20), 1 << 20).astype(np.int32), part)
            inputs.append(head + encoder.to_bytes())
    return inputs


def entropy_levels(head: bytes) -> list[np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    """The levels of both parts of a message, from an entropy input's first four bytes."""
    count, style = int.from_bytes(head[1:3], "little") % 5000, head[3]
    levels = np.random.default_rng(style).integers(0, SCALE_LEVELS, count).astype(np.uint8)
    if style < SCALE_LEVELS:
        levels[:] = style
    return [levels[: count // 3], levels[count // 3 :]]
