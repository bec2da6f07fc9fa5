"""Colours described by code points or chromaticities in place of an ICC profile.

ITU-T H.273 lists the code points of cICP in PNG and of nclx in AVIF, HEIF and JPEG 2000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue."""
Curve: TypeAlias = tuple[float, float, float, float, float]
"""g, a, b, c, d of the transfer function: ``(a v + b)^g`` for ``v >= d``, else ``c v``."""

_D65 = (0.3127, 0.3290)
_C = (0.310, 0.316)
BT709: Chromaticities = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_UNSPECIFIED = 2
_PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    _UNSPECIFIED: BT709,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_BT709_CURVE: Curve = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, Curve] = {
    1: _BT709_CURVE,
    _UNSPECIFIED: SRGB_CURVE,
    4: (2.2, 1, 0, 0, 0),
    5: (2.8, 1, 0, 0, 0),
    6: _BT709_CURVE,
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4.0, 0.0912),
    8: (1, 1, 0, 0, 0),
    13: SRGB_CURVE,
    14: _BT709_CURVE,
    15: _BT709_CURVE,
}
_NAMES = {16: "PQ", 18: "HLG"}
_TOLERANCE = 0.0015


@dataclass(frozen=True)
class ColourTag:
    """What a file says about its colours.

    Attributes:
        origin: Name of the field, such as ``cICP``.
        primaries: Chromaticities of white and of the primaries.
        curve: Transfer function from sample values to light.
        inexact: The part that a matrix/curve ICC profile cannot express; None if it can express all.
    """

    origin: str
    primaries: Chromaticities = BT709
    curve: Curve = SRGB_CURVE
    inexact: str | None = None

    @property
    def is_srgb(self) -> bool:
        """Whether it describes sRGB, the default."""
        near = all(abs(a - b) < _TOLERANCE for a, b in zip(self.primaries, BT709, strict=True))
        return near and self.curve == SRGB_CURVE and self.inexact is None


def from_code_points(origin: str, primaries: int, transfer: int, *, full_range: bool = True) -> ColourTag | None:
    """Returns the tag for code points; None for sRGB, and where nothing is specified.

    Args:
        origin: Name of the field.
        primaries: ``ColourPrimaries``.
        transfer: ``TransferCharacteristics``.
        full_range: Whether the samples of the decoded picture use their whole range.
    """
    inexact = None
    if transfer not in _CURVES:
        inexact = f"the transfer function {_NAMES.get(transfer, transfer)}"
    elif primaries not in _PRIMARIES:
        inexact = f"the primaries {primaries}"
    elif not full_range:
        inexact = "the narrow range"
    tag = ColourTag(origin, _PRIMARIES.get(primaries, BT709), _CURVES.get(transfer, SRGB_CURVE), inexact)
    return None if tag.is_srgb else tag


def from_chromaticities(origin: str, values: Chromaticities | None, gamma: float | None = None) -> ColourTag | None:
    """Returns the tag for chromaticities and a gamma; None for sRGB.

    Args:
        origin: Name of the field.
        values: Chromaticities; None for those of sRGB.
        gamma: Exponent from samples to light, such as 2.2; None for the curve of sRGB.
    """
    values = values or BT709
    if gamma is not None and not 0.1 <= gamma <= 10:
        return ColourTag(origin, inexact=f"the gamma {gamma:g}")
    tag = ColourTag(origin, values, SRGB_CURVE if gamma is None else (gamma, 1, 0, 0, 0))
    if tag.is_srgb:
        return None
    return tag if _is_triangle(values) else ColourTag(origin, inexact="its chromaticities")


def _is_triangle(values: Chromaticities) -> bool:
    white_x, white_y, *primaries = values
    (rx, ry), (gx, gy), (bx, by) = zip(primaries[::2], primaries[1::2], strict=True)
    area = abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry))
    return area > 0.01 and 0.2 < white_x < 0.5 and 0.2 < white_y < 0.5 and all(-0.2 < value < 1.2 for value in values)
