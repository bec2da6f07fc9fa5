from __future__ import annotations

import pytest
from PIL import ExifTags, Image

from cnncompress.images.exif_facts import ExifFacts, exif_facts


def exif(tags: dict[int, object], photograph: dict[int, object], gps: dict[int, object]) -> bytes:
    data = Image.Exif()
    data.update(tags)
    data.get_ifd(ExifTags.IFD.Exif).update(photograph)
    data.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    return data.tobytes().removeprefix(b"Exif\0\0")


def test_all_facts() -> None:
    data = exif(
        {ExifTags.Base.Make: "Canon", ExifTags.Base.Model: "Canon EOS R5", ExifTags.Base.Orientation: 1},
        {ExifTags.Base.DateTimeOriginal: "2026:05:01 12:30:00", ExifTags.Base.LensModel: "RF 35mm"},
        {ExifTags.GPS.GPSLatitudeRef: "N"},
    )
    assert exif_facts(data) == ExifFacts("Canon EOS R5", "RF 35mm", "2026-05-01 12:30:00", 1, True)


def test_facts_that_are_missing() -> None:
    data = exif({ExifTags.Base.Make: "ACME", ExifTags.Base.Model: "X 1"}, {}, {})
    assert exif_facts(data) == ExifFacts("ACME X 1", None, None, None, False)


@pytest.mark.parametrize("damaged", [b"", b"II*\0", b"MM\0*" + b"\xff" * 20, b"no TIFF header"])
def test_damage_is_no_error(damaged: bytes) -> None:
    assert exif_facts(damaged) in (None, ExifFacts(None, None, None, None, False))
