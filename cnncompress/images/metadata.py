"""Reads colour profile, EXIF and XMP from an opened image, and attaches them to a decoded one."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, replace

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from cnncompress.bitstream.ancillary import MAX_METADATA_BYTES, Metadata
from cnncompress.errors import ImageError, LimitExceeded
from cnncompress.images import xmp as xmp_packets
from cnncompress.images.exif import Exif
from cnncompress.images.fields.findings import Fields
from cnncompress.images.fields.look import look_into
from cnncompress.images.opening import opened
from cnncompress.images.settings import ImageSettings

EXIF_PREFIX = b"Exif\0\0"
"""Prefix of EXIF in JPEG files and in Pillow."""

# The TIFF tags that describe the image; the other tags describe how its pixels are stored.
_DESCRIPTIVE_TAGS = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Copyright,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
)
_SUB_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


@dataclass(frozen=True)
class Collected:
    """The metadata of an image.

    Attributes:
        metadata: Metadata to store in the .cnc file.
        losses: One line for each part that is left out although ``strip`` does not name it.
        withheld: Whether the image's file holds, or may hold, what ``strip`` removed.
    """

    metadata: Metadata
    losses: tuple[str, ...]
    withheld: bool


def collect(image: Image.Image, strip: frozenset[str], *, turned: bool, fields: Fields) -> Collected:
    """Collects the metadata of a decoded image.

    Args:
        image: A loaded image; loading also reads the metadata that follows the pixels in the file.
        strip: Metadata to leave out, see `cnncompress.images.settings.ImageSettings`.
        turned: Whether the image was rotated or mirrored to make it upright. The thumbnail in its EXIF was not, and is
            removed then.
        fields: What the fields of its file say.
    """
    losses: list[str] = []
    as_found = _as_found(image, fields)
    icc, exif, xmp = as_found.icc, as_found.exif, as_found.xmp
    found = {"icc": icc is not None, "exif": exif is not None, "xmp": xmp is not None, "gps": False, "other": False}
    if exif is not None and "exif" not in strip:
        exif, found["gps"] = _clean_exif(exif, "gps" in strip, turned, losses)
    if xmp is not None and "xmp" not in strip:
        xmp = xmp_packets.set_upright(xmp)
        if fields.pictures or fields.extras:
            xmp = xmp_packets.without_claims(xmp)
        if "gps" in strip and xmp_packets.speaks_of_position(xmp):
            found["gps"] = True
            xmp = xmp_packets.without_position(xmp)
            if xmp is None:
                losses.append("the XMP packet is left out, as the position in it cannot be removed")
    metadata = Metadata(
        None if "icc" in strip else icc, None if "exif" in strip else exif, None if "xmp" in strip else xmp
    )
    for name in ("icc", "exif", "xmp"):
        part = getattr(metadata, name)
        if part is not None and len(part) > MAX_METADATA_BYTES:
            losses.append(f"{name} is left out: {len(part)} bytes are more than the limit of {MAX_METADATA_BYTES}")
            metadata = replace(metadata, **{name: None})
    withheld = bool(strip) and fields.discloses_more
    return Collected(metadata, tuple(losses), withheld or any(found[name] for name in strip))


def stored_metadata(data: bytes) -> Metadata:
    """Reads the metadata of the file of an image as they are there, without decoding the image.

    Args:
        data: Contents of the file.

    Returns:
        The metadata; none if the file cannot be opened.
    """
    stream = io.BytesIO(data)
    try:
        fields = look_into(stream, None)
        with opened(stream, fields, ImageSettings()) as (image, _):
            return _as_found(image, fields)
    except (ImageError, LimitExceeded):
        return Metadata()


def attach(image: Image.Image, metadata: Metadata) -> None:
    """Stores metadata in ``image.info``, as ``icc_profile``, ``exif`` and ``xmp``."""
    if metadata.icc is not None:
        image.info["icc_profile"] = metadata.icc
    if metadata.exif is not None:
        image.info["exif"] = EXIF_PREFIX + metadata.exif
    if metadata.xmp is not None:
        image.info["xmp"] = metadata.xmp


def descriptive(exif: Image.Exif) -> Image.Exif:
    """Returns a copy of EXIF with only the tags that describe the image, which are valid in any other file."""
    made = Image.Exif()
    for tag in _DESCRIPTIVE_TAGS:
        if tag in exif:
            made[tag] = exif[tag]
    for directory in _SUB_DIRECTORIES:
        if directory in exif:
            made.get_ifd(directory).update(exif.get_ifd(directory))
    again = Image.Exif()
    again.load(made.tobytes())  # makes the directories part of its keys
    return again


def _as_found(image: Image.Image, fields: Fields) -> Metadata:
    return Metadata(
        icc=fields.metadata.icc or _bytes_of(image.info.get("icc_profile")),
        exif=_bytes_of(image.info.get("exif")) or _exif_of_other_formats(image),
        xmp=fields.metadata.xmp or _bytes_of(image.info.get("xmp")),
    )


def _clean_exif(data: bytes, without_position: bool, turned: bool, losses: list[str]) -> tuple[bytes | None, bool]:
    position = False
    try:
        exif = Exif(data)
        exif.set_upright()
        if without_position:
            position = exif.remove_position()
        if turned:
            exif.remove_thumbnail()
    except ValueError as error:
        losses.append(f"damaged EXIF is left out: {error}")
        return None, without_position
    return exif.to_bytes(), position


def _exif_of_other_formats(image: Image.Image) -> bytes | None:
    # EXIF that Pillow cannot parse is no reason to refuse the image.
    with contextlib.suppress(Exception):
        found = image.getexif()
        made = descriptive(found) if isinstance(image, TiffImageFile) else found
        if any(tag != ExifTags.Base.Orientation for tag in made):
            return made.tobytes()
    return None


def _bytes_of(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value if isinstance(value, bytes) and value else None
