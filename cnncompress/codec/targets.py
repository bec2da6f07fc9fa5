"""Targets that may be given instead of a quality: size, rate or PSNR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeAlias


@dataclass(frozen=True)
class TargetSize:
    """Largest size of the whole file.

    Attributes:
        bytes: Size in bytes, at least 1. A learned file is at most 2 % smaller, unless quality 100 is smaller still.
    """

    bytes: int

    def __post_init__(self) -> None:
        _check_number("bytes", self.bytes, Integral, "a whole number of bytes")
        if self.bytes < 1:
            raise ValueError(f"the target is {self.bytes} bytes, expected at least 1")


@dataclass(frozen=True)
class TargetBpp:
    """Largest rate of the whole file.

    Attributes:
        bits_per_pixel: Rate, above 0. The same as a `TargetSize` of that many bits.
    """

    bits_per_pixel: float

    def __post_init__(self) -> None:
        _check_number("bits_per_pixel", self.bits_per_pixel, Real, "a number")
        if not (0 < self.bits_per_pixel < math.inf):
            raise ValueError(f"the target is {self.bits_per_pixel} bits per pixel, expected a number above 0")


@dataclass(frozen=True)
class TargetPsnr:
    """Smallest peak signal-to-noise ratio of the decoded image, over all colours, without alpha.

    Attributes:
        decibels: PSNR in dB, above 0. A learned file has at most 0.05 dB more, unless quality 0 has more.
    """

    decibels: float

    def __post_init__(self) -> None:
        _check_number("decibels", self.decibels, Real, "a number")
        if not (0 < self.decibels < math.inf):
            raise ValueError(f"the target is {self.decibels} dB, expected a number above 0")


Target: TypeAlias = TargetSize | TargetBpp | TargetPsnr
"""One of the three targets."""


def _check_number(name: str, value: object, kind: type, expected: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected {expected}")


def bytes_allowed(target: TargetSize | TargetBpp, pixels: int) -> int:
    """Returns the size of the largest file that meets a target; 0 if no file does."""
    return target.bytes if isinstance(target, TargetSize) else math.floor(target.bits_per_pixel * pixels / 8)
