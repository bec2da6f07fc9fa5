"""What EXIF says that people ask for: camera, lens, date, orientation, and whether there is a position."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

_LONGEST_TEXT = 100


@dataclass(frozen=True)
class ExifFacts:
    """Facts from EXIF; None where there is no such tag, or it cannot be read.

    Attributes:
        camera: Maker and model.
        lens: Model of the lens.
        taken: Date and time of the photograph, as in ``2026-05-01 12:30:00``, in the camera's time zone.
        orientation: 1 to 8; a .cnc file is upright and has 1, unless it stores the original.
        position: Whether there are GPS tags.
    """

    camera: str | None
    lens: str | None
    taken: str | None
    orientation: int | None
    position: bool


def exif_facts(data: bytes) -> ExifFacts | None:
    """Reads the facts.

    Args:
        data: EXIF from its TIFF header on.

    Returns:
        The facts; None if the EXIF is damaged.
    """
    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damage
            exif.load(data)
            photograph, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
            maker, model = _text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))
            taken = _text(photograph.get(ExifTags.Base.DateTimeOriginal)) or _text(exif.get(ExifTags.Base.DateTime))
            orientation = exif.get(ExifTags.Base.Orientation)
            return ExifFacts(
                camera=_camera(maker, model),
                lens=_text(photograph.get(ExifTags.Base.LensModel)),
                taken=None if taken is None else taken.replace(":", "-", 2),
                orientation=orientation if isinstance(orientation, int) else None,
                position=bool(gps),
            )
    except Exception:  # Pillow raises many kinds for damage
        return None


def _camera(maker: str | None, model: str | None) -> str | None:
    if maker is None or model is None:
        return model or maker
    return model if model.lower().startswith(maker.split()[0].lower()) else f"{maker} {model}"


def _text(value: Any) -> str | None:
    text = value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return text.strip("\0 ")[:_LONGEST_TEXT] or None
