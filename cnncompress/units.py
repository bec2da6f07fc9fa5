"""Units: quality in hundredths, and numbers formatted for messages."""

from __future__ import annotations

from numbers import Real
from typing import NewType

Hundredths = NewType("Hundredths", int)
"""A quality in hundredths, `LOWEST_QUALITY` to `HIGHEST_QUALITY`. The public interface uses ``0 .. 100`` as float."""

LOWEST_QUALITY = Hundredths(0)
"""Smallest file."""
HIGHEST_QUALITY = Hundredths(10_000)
"""Best image."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def hundredths_of(quality: float) -> Hundredths:
    """Rounds a quality ``0 .. 100`` to hundredths.

    Raises:
        TypeError: The quality is not a number.
        ValueError: The quality is out of its range.
    """
    if not isinstance(quality, Real) or isinstance(quality, bool):
        raise TypeError(f"quality is {quality!r}, must be a number within 0 .. 100")
    if not 0 <= quality <= 100:
        raise ValueError(f"quality is {quality}, must be within 0 .. 100")
    return Hundredths(round(quality * 100))


def bits_per_pixel(file_bytes: int, width: int, height: int) -> float:
    """Returns the rate of a file, or of a part of it, in bits per pixel."""
    return 8.0 * file_bytes / (width * height)


def format_bytes(count: int) -> str:
    """Formats a number of bytes with about three digits: ``31.2 kB``."""
    value = float(count)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def format_rate(value: float) -> str:
    """Formats a speed so that a small one is not shown as zero: ``120``, ``3.4``, ``0.021``."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def percent(part: int, whole: int) -> str:
    """Formats a part of a whole in per cent: ``5.3 %``; ``-`` if the whole is 0."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def plural(count: int, one: str) -> str:
    """Formats a count with its noun in singular or plural: ``1 file``, ``2 files``."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
