"""Reading image files of all formats: fields, repairs, decoding, metadata. The first byte chooses the settings."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import ClassVar

from field_cases import cases
from fuzz_fields import damaged_fields, with_png_checksums
from fuzz_images import MAX_PIXELS
from fuzz_target import Target, expect

from cnncompress.errors import ImageError, LimitExceeded
from cnncompress.images.formats import sniff
from cnncompress.images.limits import Limits
from cnncompress.images.read import read_image
from cnncompress.images.settings import STRIPPABLE, ImageSettings

_STRIPPED: tuple[frozenset[str], ...] = (frozenset(), frozenset({"gps"}), frozenset({"other"}), frozenset(STRIPPABLE))
_FRAMES = (None, None, 0, 1)


class ReadTarget(Target):
    """``read_image``: an image whose planes and lines fit together, or an error that names the file's fault."""

    name = "image"
    allowed: ClassVar[tuple[type[Exception], ...]] = (ImageError, LimitExceeded)
    memory = 1 << 30

    def make_sound(self) -> Sequence[bytes]:
        return [b"\0" + case.data for case in cases() if case.fate != "refused" and len(case.data) < 1 << 16]

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        data = bytes([rng.randrange(256)]) + damaged_fields(data[1:], rng)
        return self.repair(data) if rng.random() < 0.7 else data

    def repair(self, data: bytes) -> bytes:
        return data[:1] + with_png_checksums(data[1:]) if sniff(data[1:]) == "png" else data

    def run(self, data: bytes) -> str:
        image = read_image(data[1:], settings_of(data))
        width, height = image.size
        expect(0 < width * height <= MAX_PIXELS, "more pixels than allowed")
        expect(image.alpha is None or image.alpha.shape == (height, width), "alpha of another size")
        expect((image.alpha is not None) == image.layout.has_alpha, "another layout")
        lines = (*image.losses, *image.damage)
        expect(all("\n" not in line and len(line) < 400 for line in lines), "a line that is none")
        return "damaged" if image.damage else "read"


def settings_of(data: bytes) -> ImageSettings:
    """The settings that the first byte chooses; 0 stands for the usual ones."""
    chosen = data[0] if data else 0
    return ImageSettings(
        strip=_STRIPPED[chosen & 3],
        strict=chosen & 12 == 12,
        frame=_FRAMES[chosen >> 4 & 3],
        keep_alpha=not chosen >> 6 & 1,
        limits=Limits(MAX_PIXELS),
    )
