"""The readers of the fields of image files, one target a format: whatever the bytes are, there are findings."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Sequence
from typing import ClassVar

from field_cases import cases
from fuzz_bytes import damaged
from fuzz_target import Target, expect

from cnncompress.images.fields.look import look_into
from cnncompress.images.formats import sniff
from cnncompress.images.icc import make_profile

_FORMATS = {
    "jpeg": ("jpg",), "png": ("png",), "tiff": ("tiff",), "webp": ("webp",), "heif": ("avif",), "gif": ("gif",),
    "jpeg2000": ("jp2", "j2k"), "bmp": ("bmp", "dib"), "sgi": ("sgi",), "sun": ("ras",), "qoi": ("qoi",),
    "pnm": ("pbm", "pgm", "ppm", "pfm"),
}  # fmt: skip


class OtherFormat(Exception):
    """The damage has hit the first bytes."""


class FieldsTarget(Target):
    """``look_into`` on files of one format. There is no error that it may raise."""

    allowed: ClassVar[tuple[type[Exception], ...]] = (OtherFormat,)
    kind: ClassVar[str]

    def make_sound(self) -> Sequence[bytes]:
        return [case.data for case in cases() if sniff(case.data) in _FORMATS[self.kind] and len(case.data) < 1 << 16]

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        data = damaged_fields(data, rng)
        return self.repair(data) if rng.random() < 0.7 else data

    def repair(self, data: bytes) -> bytes:
        return with_png_checksums(data) if self.kind == "png" else data

    def run(self, data: bytes) -> str:
        stream = io.BytesIO(data)
        fields = look_into(stream, len(data) % 3 or None)
        expect(stream.tell() == 0, "not at the beginning")
        if sniff(data) not in _FORMATS[self.kind]:
            raise OtherFormat
        lines = (
            *fields.pictures,
            *fields.extras,
            *fields.losses,
            *fields.damage,
            fields.refusal or "",
            fields.kind or "",
        )
        expect(all("\n" not in line and len(line) < 400 for line in lines), "a line that is none")
        if fields.colour_tag is not None and fields.colour_tag.inexact is None:
            for gray in (False, True):
                profile = make_profile(fields.colour_tag, gray=gray)
                expect(struct.unpack_from(">I", profile) == (len(profile),), "a profile of another length")
        return "found" if any(lines) else "nothing"


def field_targets() -> tuple[type[FieldsTarget], ...]:
    """A target for each format that has a reader."""
    return tuple(type(f"Fields_{kind}", (FieldsTarget,), {"name": f"fields-{kind}", "kind": kind}) for kind in _FORMATS)


def damaged_fields(data: bytes, rng: random.Random) -> bytes:
    """Returns a file with damage, at the beginning more often than anywhere else: fields stand there."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        border = len(data) if rng.random() < 0.4 else min(rng.choice((64, 256, 1024)), len(data))
        data = damaged(data[:border], rng) + data[border:]
    return data


def with_png_checksums(data: bytes) -> bytes:
    """A PNG file with its checksums made right, as far as its lengths go."""
    changed, position = bytearray(data), 8
    while position + 12 <= len(changed):
        (length,) = struct.unpack_from(">I", changed, position)
        end = position + 8 + length
        if end + 4 > len(changed):
            break
        struct.pack_into(">I", changed, end, zlib.crc32(changed[position + 4 : end]))
        position = end + 4
    return bytes(changed)
