"""Edits XMP packets as text: every byte outside the edited properties is kept.

XMP specification, part 1 (ISO 16684-1): properties are elements, or attributes of ``rdf:Description``.
"""

from __future__ import annotations

import re

# No photograph mentions GPS more often than this; editing so many properties would take too long.
_MAX_MENTIONS = 200

_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[0-9]+""")
_POSITION_ATTRIBUTE = re.compile(rb"""\s[\w.-]+:GPS\w*\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_POSITION_ELEMENT = re.compile(
    rb"<(?P<name>[\w.-]+:GPS\w*)(?:\s[^<>]*)?(?:/>|>.*?</(?P=name)\s*>)", re.IGNORECASE | re.DOTALL
)
# That a gain map or a video stands behind the picture.
_CLAIM = re.compile(
    rb"""\s(?:hdrgm:Version|GCamera:(?:MotionPhoto|MicroVideo)|Camera:MotionPhoto)\s*=\s*(?:"[^"]*"|'[^']*')"""
)


def without_claims(packet: bytes) -> bytes:
    """Removes the claims that a gain map or a video stands behind the picture, where that is not kept."""
    return _CLAIM.sub(b"", packet)


def set_upright(packet: bytes) -> bytes:
    """Returns the packet with its orientation, if present, set to 1."""
    return _ORIENTATION.sub(rb"\g<1>1", packet)


def without_position(packet: bytes) -> bytes | None:
    """Removes the properties whose names begin with GPS, in any name space.

    Returns:
        The packet; None if it may still contain a position and has to be left out.
    """
    if packet.lower().count(b"gps") > _MAX_MENTIONS:
        return None
    for pattern in (_POSITION_ELEMENT, _POSITION_ATTRIBUTE):
        packet = pattern.sub(b"", packet)
    return None if speaks_of_position(packet) else packet


def speaks_of_position(packet: bytes) -> bool:
    """Checks whether a packet in UTF-8, UTF-16 or UTF-32 may contain a position."""
    return b"gps" in packet.replace(b"\0", b"").lower()
