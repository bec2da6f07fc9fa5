"""Views of an image: all of it, an area, or a smaller preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cnncompress.errors import OutsideImage
from cnncompress.images.pillow_limit import limit_lifted

if TYPE_CHECKING:
    from PIL import Image

FACTORS = (1, 2, 4, 8)
"""Reduction factors of a preview: so many pixels along each side become one."""

_WHITE_FROM = 128


class Rectangle(NamedTuple):
    """An area in pixels; ``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def is_empty(self) -> bool:
        """Whether it contains no pixels."""
        return self.width <= 0 or self.height <= 0

    def grown(self, by: int) -> Rectangle:
        """Returns the rectangle extended by a margin on all four sides."""
        return Rectangle(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def common(self, other: Rectangle) -> Rectangle:
        """Returns the intersection of both rectangles, which may be empty."""
        return Rectangle(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )

    def seen_from(self, other: Rectangle) -> Rectangle:
        """Returns the same area in coordinates relative to the top left corner of another rectangle."""
        left, top = other.left, other.top
        return Rectangle(self.left - left, self.top - top, self.right - left, self.bottom - top)

    def padded(self, multiple: int) -> Rectangle:
        """Returns the rectangle extended to the right and to the bottom until its sides are multiples."""
        width, height = -(-self.width // multiple) * multiple, -(-self.height // multiple) * multiple
        return Rectangle(self.left, self.top, self.left + width, self.top + height)

    def divided(self, by: int) -> Rectangle:
        """Returns the rectangle on a grid coarser by a factor; all its edges must be multiples of the factor."""
        return Rectangle(*(edge // by for edge in self))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices of rows and columns, to index arrays with."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True)
class View:
    """An area of an image, or a preview of the whole image, but not both.

    Attributes:
        crop: Left, top, width and height of the area in pixels; None for the whole image.
        factor: Reduction factor along each side, one of `FACTORS`.

    Raises:
        ValueError: A value is out of its range, or both are given.
    """

    crop: tuple[int, int, int, int] | None = None
    factor: int = 1

    def __post_init__(self) -> None:
        if self.factor not in FACTORS:
            raise ValueError(f"factor is {self.factor}, expected one of {', '.join(map(str, FACTORS))}")
        if self.crop is None:
            return
        x, y, width, height = self.crop
        if x < 0 or y < 0 or width < 1 or height < 1:
            raise ValueError(f"crop is {x},{y},{width},{height}, expected at least 0,0,1,1")
        if self.factor != 1:
            raise ValueError("crop and scale exclude each other")

    @property
    def is_whole(self) -> bool:
        """Whether the whole image is wanted at full size."""
        return self.crop is None and self.factor == 1

    def area(self, width: int, height: int) -> Rectangle:
        """Returns the area of the view in an image, at full size.

        Args:
            width: Width of the image in pixels.
            height: Height of the image in pixels.

        Raises:
            OutsideImage: The crop extends beyond the image.
        """
        if self.crop is None:
            return Rectangle(0, 0, width, height)
        x, y, columns, rows = self.crop
        if x + columns > width or y + rows > height:
            raise OutsideImage(f"{columns}x{rows} pixels from {x},{y} are not within the image of {width}x{height}")
        return Rectangle(x, y, x + columns, y + rows)

    def of(self, image: Image.Image) -> Image.Image:
        """Returns this view of a decoded image, with its metadata.

        Raises:
            OutsideImage: The crop extends beyond the image.
        """
        area = self.area(*image.size)
        if self.is_whole:
            return image
        if self.crop is not None:
            with limit_lifted():  # the size was checked when the image was decoded
                return image.crop(area)
        if image.mode != "1":
            return image.reduce(self.factor)
        gray = image.convert("L").reduce(self.factor)
        return gray.point([255 * (value >= _WHITE_FROM) for value in range(256)], "1")


def parse_view(crop: tuple[int, int, int, int] | None, scale: float) -> View:
    """Returns a view from the arguments of the public interface.

    Args:
        crop: Left, top, width and height in pixels, as in `View`; None for the whole image.
        scale: Scale of the result: 1, 1/2, 1/4 or 1/8.

    Raises:
        ValueError: A value is out of its range, or both are given.
    """
    factor = 1 / scale if scale > 0 else 0.0
    if factor not in FACTORS:
        raise ValueError(f"scale is {scale:g}, expected one of 1, 1/2, 1/4 and 1/8")
    return View(crop, int(factor))
