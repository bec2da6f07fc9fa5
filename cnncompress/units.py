"""Numbers as people read them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB")


def format_bytes(count: int) -> str:
    """Bytes with three digits or so: ``31.2 kB``."""
    value = float(count)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def percent(part: int, whole: int) -> str:
    """A part in per cent: ``5.3 %``."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def plural(count: int, one: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"
