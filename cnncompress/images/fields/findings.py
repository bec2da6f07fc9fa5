"""What the fields of an image file say that decoding its pixels does not show."""

from __future__ import annotations

from dataclasses import dataclass

from cnncompress.bitstream.ancillary import Metadata
from cnncompress.images.fields.colours import ColourTag


@dataclass(frozen=True)
class Fields:
    """Findings about one file.

    Attributes:
        refusal: Why the file is refused, as the name of its kind, such as "camera raw (DNG)"; None if it can be read.
        kind: Kind of file, for the message in case the decoder refuses it; None for a usual one.
        pictures: One line for each further picture: gain map, second view, depth map, preview that is not a thumbnail.
        extras: One line for each other part that a .cnc file has no place for: comments, captions, application data,
            video or unknown bytes behind the end.
        remarks: Whether there are small notes of programs, such as a time stamp or a thumbnail. They are left out
            without a warning, but a file that has them is not stored where something is to be stripped.
        losses: One line for each property of the picture itself that is lost, such as a fifth band.
        damage: One line for each defect that a decoder repairs silently.
        colour_tag: What the file says about its colours in place of an ICC profile; None for sRGB or nothing.
        metadata: Metadata that Pillow does not find or refuses to read.
        mended: A repaired copy of the file for Pillow; None if Pillow can read the file as it is.
        known: Whether all of the file was looked at. Never so for TIFF, where anything may stand between the parts.
    """

    refusal: str | None = None
    kind: str | None = None
    pictures: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    remarks: bool = False
    losses: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    colour_tag: ColourTag | None = None
    metadata: Metadata = Metadata()  # noqa: RUF009 - frozen
    mended: bytes | None = None
    known: bool = False

    @property
    def discloses_more(self) -> bool:
        """Whether the file holds, or may hold, more than picture, profile, EXIF and XMP."""
        return bool(self.pictures or self.extras or self.remarks) or not self.known


def named_once(lines: list[str]) -> tuple[str, ...]:
    """Returns the lines in order, each once."""
    return tuple(dict.fromkeys(lines))
