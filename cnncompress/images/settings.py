"""How an input image is read, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.images.limits import Limits

STRIPPABLE = ("exif", "xmp", "icc", "gps", "other")
"""Values that `ImageSettings.strip` may contain."""

PLANES_BYTES = 3
"""Bytes per pixel of the colour planes."""
PICTURE_BYTES = 4
"""Bytes per pixel of a Pillow image."""


@dataclass(frozen=True)
class ImageSettings:
    """How an image is read.

    Attributes:
        strip: What to leave out, any of ``exif``, ``xmp``, ``icc``, ``gps`` and ``other``. ``gps`` is the position, in
            EXIF and in XMP. ``other`` is all that a .cnc file has no place for, such as comments, captions, gain
            maps and videos behind a picture: it is left out in any case, and with ``other`` there is no warning.
        strict: Whether an image that cannot be carried as it is (16 bits, CMYK, a second picture, damage ...) is
            refused, instead of converted with a `cnncompress.FeatureLoss` or `cnncompress.PartLost` warning.
        frame: Frame of an animation or page of a document, counted from 0; None refuses files with several.
        background: Red, green and blue, ``0 .. 255``. Transparent images are blended with this colour, which makes them
            opaque.
        keep_alpha: Whether images stay transparent if there is no ``background``. If not, the background is white.
        limits: Larger images are refused before their pixels are decoded.

    Raises:
        ValueError: A value is out of its range.
    """

    strip: frozenset[str] = frozenset()
    strict: bool = False
    frame: int | None = None
    background: tuple[int, int, int] | None = None
    keep_alpha: bool = True
    limits: Limits = Limits()  # noqa: RUF009 - frozen

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

    @property
    def opaque_background(self) -> tuple[int, int, int] | None:
        """Background colour of transparent images; None if they stay transparent."""
        if self.background is None and not self.keep_alpha:
            return (255, 255, 255)
        return self.background
