"""How large an image may be, checked before anything of its size is allocated."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from cnncompress.bitstream.container import MAX_SIDE
from cnncompress.errors import LimitExceeded, UnsupportedImage
from cnncompress.units import format_bytes

DEFAULT_MAX_PIXELS = 1 << 28
DEFAULT_MEMORY_LIMIT = 2_000_000_000


@dataclass(frozen=True)
class Limits:
    """How large an image may be, when it is read and when it is decoded.

    Attributes:
        max_pixels: Largest width times height, at least 1.
        max_dim: Longest side in pixels, ``1 .. 65535``.
        memory: Largest memory for one image in bytes, on top of program, model and file. It is compared with an
            estimate from the image's size (`cnncompress.codec.memory`), before the image is read. Neither files nor
            pixels depend on it.

    Raises:
        TypeError: A value is not a whole number.
        ValueError: A value is out of its range.
    """

    max_pixels: int = DEFAULT_MAX_PIXELS
    max_dim: int = MAX_SIDE
    memory: int = DEFAULT_MEMORY_LIMIT

    def __post_init__(self) -> None:
        for name in ("max_pixels", "max_dim", "memory"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise TypeError(f"{name} is {value!r}, expected a whole number")
        if self.max_pixels < 1 or not 1 <= self.max_dim <= MAX_SIDE:
            raise ValueError(
                f"max_pixels is {self.max_pixels}, max_dim {self.max_dim}, expected at least 1 and 1 .. {MAX_SIDE}"
            )

    def check_size(self, width: int, height: int) -> None:
        """Checks the size of an image in pixels.

        Raises:
            UnsupportedImage: The image has no pixels.
            LimitExceeded: The image has too many pixels, or a side is too long.
        """
        if width < 1 or height < 1:
            raise UnsupportedImage(f"{width}x{height} pixels: the image is empty")
        if max(width, height) > self.max_dim:
            raise LimitExceeded(f"{width}x{height} pixels: a side is longer than {self.max_dim}")
        if width * height > self.max_pixels:
            raise LimitExceeded(f"{width}x{height} pixels are more than the limit of {self.max_pixels}")

    def check_memory(self, needed: int) -> None:
        """Checks how much memory an image needs.

        Args:
            needed: Estimated memory in bytes.

        Raises:
            LimitExceeded: The image needs more memory than is allowed.
        """
        if needed > self.memory:
            raise LimitExceeded(
                f"takes {format_bytes(needed)} of memory, more than the limit of {format_bytes(self.memory)}"
            )


ANY_SIZE = Limits(MAX_SIDE**2)
"""Limits that allow every size of a .cnc file; the memory limit is the default one."""
