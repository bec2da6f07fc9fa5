"""The container, written from docs/FORMAT.md alone: parts, checksums, planes and metadata. No code of the package."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

AVIF, LATENTS, LOSSLESS, ORIGINAL, ALPHA = 0, 1, 2, 3, 4
ICC, EXIF, XMP = 128, 129, 130
MODES = ("L", "LA", "RGB", "RGBA", "L", "L", "LA")
WITH_ALPHA, GRAY, BLACK_AND_WHITE, EQUAL = (1, 3, 6), (0, 1, 4, 5, 6), 4, (5, 6)
ONCE = (ICC, EXIF, XMP, 131)
MAX_METADATA = 16777216

Plane = NDArray[np.uint8]


class BadFile(Exception):
    """What the table of checks calls the error: foreign, newer, truncated or corrupt."""


def check(condition: bool, error: str) -> None:
    """Raises the error unless the condition holds."""
    if not condition:
        raise BadFile(error)


@dataclass(frozen=True)
class Tile:
    """A part of the image with latents of its own, in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class File:
    """Header fields, and the chunks in their order."""

    layout: int
    tile_side: int
    width: int
    height: int
    quality: int
    fingerprint: bytes
    chunks: tuple[tuple[int, bytes], ...]

    def payload(self, kind: int) -> bytes | None:
        """The bytes of the first chunk of a type, None if there is none."""
        return next(iter(self.payloads(kind)), None)

    def payloads(self, kind: int) -> list[bytes]:
        """The bytes of all chunks of a type, in their order."""
        return [payload for found, payload in self.chunks if found == kind]

    def tiles(self) -> list[Tile]:
        """The tiles in the order of their chunks."""
        rows, columns = (_starts(length, self.tile_side) for length in (self.height, self.width))
        return [
            Tile(left, top, right - left, bottom - top)
            for top, bottom in pairwise([*rows, self.height])
            for left, right in pairwise([*columns, self.width])
        ]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one side of the image; 0 as the tiles' side stands for one tile."""
    return [side * i for i in range(max(1, (length + side // 2) // side))] if side else [0]


class Fields:
    """Takes the fields of header and table in their order."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, length: int) -> bytes:
        """The next bytes."""
        check(self.position + length <= len(self.data), "truncated")
        self.position += length
        return self.data[self.position - length : self.position]

    def unsigned(self, length: int) -> int:
        """The next u8, u16 or u32."""
        return int.from_bytes(self.take(length), "little")

    def number(self) -> int:
        """The next number of variable length."""
        septets = []
        while True:
            byte = self.unsigned(1)
            septets.append(byte % 128)
            if byte < 128:
                break
            check(len(septets) < 5, "corrupt")
        value = sum(septet << 7 * i for i, septet in enumerate(septets))
        check(value < 2**32 and (septets[-1] > 0 or len(septets) == 1), "corrupt")
        return value


def read_file(data: bytes) -> File:
    """Makes the checks of "Order of a reader's checks", in that order."""
    if data[:3] != b"\x89CN":
        raise BadFile("truncated" if b"\x89CN".startswith(data[:3]) else "foreign")
    fields = Fields(data)
    fields.take(3)
    version = fields.unsigned(1)
    check(version <= 1, "newer")
    check(version == 1, "corrupt")
    kind = fields.unsigned(1)
    layout, k = kind % 8, kind // 8 % 16
    check(layout <= 6 and k <= 9, "corrupt")
    width = fields.unsigned(2)
    check(width >= 1, "corrupt")
    height = fields.unsigned(2)
    check(height >= 1, "corrupt")
    quality = fields.unsigned(2)
    coding, quality = quality // 2**14, quality % 2**14
    check(quality <= 10000, "corrupt")
    check(coding == LATENTS or k == 0, "corrupt")
    check(coding in (AVIF, LATENTS) or quality == 0, "corrupt")
    tile_side = 64 * 2 ** (k - 1) if k else 0
    tiles = len(_starts(height, tile_side)) * len(_starts(width, tile_side))
    check(k == 0 or 2 <= tiles <= 65535, "corrupt")
    fingerprint = fields.take(4) if coding == LATENTS else bytes(4)
    header = data[: fields.position]

    entries = []

    def read_entry(kind: int, begin: int) -> None:
        length = fields.number()
        covered = header + data[begin : fields.position]
        entries.append((kind, length, fields.unsigned(4), covered))

    for _ in range(tiles):
        read_entry(coding, fields.position)
    if data[4] >= 128:
        count = fields.number()
        check(1 <= count <= 65535, "corrupt")
        for _ in range(count):
            kind = fields.unsigned(1)
            check(kind == ALPHA or kind >= 128, "newer")
            read_entry(kind, fields.position - 1)
    kinds = [kind for kind, _, _, _ in entries]
    check(kinds.count(ALPHA) == int(coding in (AVIF, LATENTS) and layout in WITH_ALPHA), "corrupt")
    check(all(kinds.count(kind) <= 1 for kind in ONCE), "corrupt")
    total = fields.position + sum(length for _, length, _, _ in entries)
    check(len(data) >= total, "truncated")
    check(len(data) <= total, "corrupt")
    chunks = []
    for kind, length, checksum, covered in entries:
        payload = fields.take(length)
        check(zlib.crc32(covered + payload) == checksum, "corrupt")
        chunks.append((kind, payload))
    return File(layout, tile_side, width, height, quality, fingerprint, tuple(chunks))


def read_metadata(file: File) -> dict[int, bytes]:
    """Inflates the metadata chunks, by their types."""
    found = {}
    for kind in (ICC, EXIF, XMP):
        payload = file.payload(kind)
        if payload is None:
            continue
        inflater = zlib.decompressobj(-15)
        try:
            found[kind] = inflater.decompress(payload, MAX_METADATA + 1)
        except zlib.error:
            raise BadFile("corrupt") from None
        check(len(found[kind]) <= MAX_METADATA and inflater.eof and not inflater.unused_data, "corrupt")
    check(EXIF not in found or found[EXIF][:4] in (b"II*\0", b"MM\0*"), "corrupt")
    return found


def read_alpha(file: File) -> Plane:
    """The alpha plane beside colours, uint8 [H, W]."""
    samples, is_png, mode = _open(file, file.payload(ALPHA) or b"")
    if is_png:
        check(mode == "L", "corrupt")
        return samples
    check(mode == "RGB", "corrupt")
    return _gray(samples)


def read_avif(file: File) -> Plane:
    """The colours, uint8 [H, W, 3]."""
    try:
        image = Image.open(io.BytesIO(file.payload(AVIF) or b""), formats=["AVIF"])
        check(image.size == (file.width, file.height) and image.mode in ("L", "RGB"), "corrupt")
        check(getattr(image, "n_frames", 0) == 1, "corrupt")
        return np.asarray(image.convert("L").convert("RGB") if file.layout in GRAY else image.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        raise BadFile("corrupt") from None


def read_lossless(file: File) -> Plane:
    """All planes of the layout, uint8 [H, W] or [H, W, C]."""
    samples, is_png, mode = _open(file, file.payload(LOSSLESS) or b"")
    if is_png:
        check(mode == MODES[file.layout], "corrupt")
    else:
        check(mode == "RGB" or (mode == "RGBA" and file.layout in WITH_ALPHA), "corrupt")
        if file.layout in WITH_ALPHA and mode == "RGB":
            samples = np.dstack([samples, np.full(samples.shape[:2], 255, np.uint8)])
        if file.layout in GRAY:
            gray = _gray(samples[..., :3])
            samples = np.dstack([gray, samples[..., 3]]) if file.layout in WITH_ALPHA else gray
    check(file.layout != BLACK_AND_WHITE or set(np.unique(samples)) <= {0, 255}, "corrupt")
    return shown(file, samples)


def shown(file: File, samples: Plane) -> Plane:
    """The planes that are shown of those that are coded."""
    if file.layout not in EQUAL:
        return samples
    gray, alpha = (samples, []) if samples.ndim == 2 else (samples[..., 0], [samples[..., 1]])
    return np.dstack([gray, gray, gray, *alpha])


def _open(file: File, payload: bytes) -> tuple[Plane, bool, str]:
    is_png = payload.startswith(b"\x89PNG\r\n\x1a\n")
    is_webp = payload[:4] == b"RIFF" and payload[8:16] == b"WEBPVP8L"
    check(is_png or is_webp, "corrupt")
    try:
        image = Image.open(io.BytesIO(payload), formats=["PNG" if is_png else "WEBP"])
        check(image.size == (file.width, file.height) and "transparency" not in image.info, "corrupt")
        return np.asarray(image), is_png, image.mode
    except (OSError, SyntaxError, ValueError):
        raise BadFile("corrupt") from None


def _gray(samples: Plane) -> Plane:
    check(bool((samples == samples[..., :1]).all()), "corrupt")
    return np.ascontiguousarray(samples[..., 0])
