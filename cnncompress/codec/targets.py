"""Targets in place of a quality: size, rate or PSNR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeAlias


@dataclass(frozen=True)
class TargetSize:
    """A size that the whole file must not exceed.

    Attributes:
        bytes: At least 1. A learned file comes to within 2 % of it, or is of quality 100 and
            smaller.
    """

    bytes: int

    def __post_init__(self) -> None:
        _check_number("bytes", self.bytes, Integral, "a whole number of bytes")
        if self.bytes < 1:
            raise ValueError(f"the target is {self.bytes} bytes, expected at least 1")


@dataclass(frozen=True)
class TargetBpp:
    """A rate that the whole file must not exceed.

    Attributes:
        bits_per_pixel: Above 0. What it means in bytes is a `TargetSize`.
    """

    bits_per_pixel: float

    def __post_init__(self) -> None:
        _check_number("bits_per_pixel", self.bits_per_pixel, Real, "a number")
        if not (0 < self.bits_per_pixel < math.inf):
            raise ValueError(f"the target is {self.bits_per_pixel} bits per pixel, expected a number above 0")


@dataclass(frozen=True)
class TargetPsnr:
    """A peak signal-to-noise ratio that the decoded image must reach, over all its colours, alpha left aside.

    Attributes:
        decibels: Above 0. The image of a learned file comes to at most 0.05 dB more, or is of quality 0
            and better.
    """

    decibels: float

    def __post_init__(self) -> None:
        _check_number("decibels", self.decibels, Real, "a number")
        if not (0 < self.decibels < math.inf):
            raise ValueError(f"the target is {self.decibels} dB, expected a number above 0")


Target: TypeAlias = TargetSize | TargetBpp | TargetPsnr
"""Any of the three targets."""


def _check_number(name: str, value: object, kind: type, expected: str) -> None:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected {expected}")


def bytes_allowed(target: TargetSize | TargetBpp, pixels: int) -> int:
    """Returns the size of the largest file that meets a target; 0 if no file does."""
    return target.bytes if isinstance(target, TargetSize) else math.floor(target.bits_per_pixel * pixels / 8)
