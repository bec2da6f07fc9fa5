"""How an input image is read, and what is refused before anything of its size is allocated."""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.bitstream.container import MAX_SIDE
from cnncompress.errors import LimitExceeded, UnsupportedImage
from cnncompress.units import format_bytes

DEFAULT_MAX_PIXELS = 1 << 28
DEFAULT_MEMORY_LIMIT = 2_000_000_000

STRIPPABLE = ("exif", "xmp", "icc", "gps")
"""What :attr:`ImageSettings.strip` may name."""

PLANES_BYTES = 3
"""A pixel, of the colour planes."""
PICTURE_BYTES = 4
"""A pixel, of an image in Pillow's hands."""


@dataclass(frozen=True)
class ImageSettings:
    """How an image is read.

    Attributes:
        strip: metadata to leave out, any of ``exif``, ``xmp``, ``icc`` and ``gps``; the last is only the position, in
            EXIF and in XMP.
        strict: whether an image that cannot be carried as it is (16 bits, CMYK ...) is refused instead of converted
            with a :class:`cnncompress.FeatureLoss` warning.
        frame: which picture of an animation or of several pages, counted from 0; None refuses files with several.
        background: red, green and blue, 0..255, that transparent images are put on, which makes them opaque.
        keep_alpha: False makes transparent images opaque too, on white if there is no ``background``.
        max_pixels: images with more pixels are refused before their pixels are decoded.
        max_dim: so are images with a longer side; at most 65535.
        memory_limit: so are images that take more bytes to be read and coded, see `cnncompress.codec.memory`.

    Raises:
        ValueError: a value is out of its range.
    """

    strip: frozenset[str] = frozenset()
    strict: bool = False
    frame: int | None = None
    background: tuple[int, int, int] | None = None
    keep_alpha: bool = True
    max_pixels: int = DEFAULT_MAX_PIXELS
    max_dim: int = MAX_SIDE
    memory_limit: int = DEFAULT_MEMORY_LIMIT

    def __post_init__(self) -> None:
        unknown = sorted(set(self.strip) - set(STRIPPABLE))
        if isinstance(self.strip, str) or unknown:
            raise ValueError(f"strip is {self.strip!r}, expected any of {', '.join(STRIPPABLE)}")
        if self.frame is not None and self.frame < 0:
            raise ValueError(f"frame is {self.frame}, expected at least 0")
        if self.background is not None and not (
            len(self.background) == 3 and all(0 <= value <= 255 for value in self.background)
        ):
            raise ValueError(f"background is {self.background}, expected three values of 0..255")
        if self.max_pixels < 1 or not 1 <= self.max_dim <= MAX_SIDE:
            raise ValueError(f"max_pixels is {self.max_pixels}, max_dim {self.max_dim}, expected 1 or more")

    @property
    def opaque_background(self) -> tuple[int, int, int] | None:
        """The colour that transparent images are put on; None if they stay transparent."""
        if self.background is None and not self.keep_alpha:
            return (255, 255, 255)
        return self.background


@dataclass(frozen=True)
class Limits:
    """How large an image may be.

    Attributes:
        max_pixels: width times height.
        max_dim: the longer side.
        memory: bytes that are taken for it, see `cnncompress.codec.memory`.
    """

    max_pixels: int
    max_dim: int
    memory: int


def check_size(width: int, height: int, max_pixels: int, max_dim: int) -> None:
    """Checks the size of an image.

    Raises:
        UnsupportedImage: it has no pixels.
        LimitExceeded: it has more than ``max_pixels``, or a side longer than ``max_dim``.
    """
    if width < 1 or height < 1:
        raise UnsupportedImage(f"{width}x{height} pixels: the picture is empty")
    if max(width, height) > max_dim:
        raise LimitExceeded(f"{width}x{height} pixels: a side is longer than {max_dim}")
    if width * height > max_pixels:
        raise LimitExceeded(f"{width}x{height} pixels are more than the limit of {max_pixels}")


def check_memory(needed: int, limit: int) -> None:
    """Checks how many bytes an image takes.

    Raises:
        LimitExceeded: more than the limit.
    """
    if needed > limit:
        raise LimitExceeded(f"takes {format_bytes(needed)} of memory, more than the limit of {format_bytes(limit)}")
