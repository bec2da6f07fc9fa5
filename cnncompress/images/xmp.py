"""Edits XMP packets as text: every byte outside the edited properties is kept.

XMP specification, part 1 (ISO 16684-1): properties are elements, or attributes of ``rdf:Description``.
"""

from __future__ import annotations

import re

_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[0-9]+""")
_POSITION_ATTRIBUTE = re.compile(rb"""\s[\w.-]+:GPS\w*\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_POSITION_TAG = re.compile(rb"<(/?)([\w.-]+:GPS\w*)(?:\s[^<>]*?)?(/?)>", re.IGNORECASE)
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
    packet = _POSITION_ATTRIBUTE.sub(b"", _without_position_elements(packet))
    return None if speaks_of_position(packet) else packet


def _without_position_elements(packet: bytes) -> bytes:
    """Removes elements in one pass, so that the time grows with the packet; those that do not end stay."""
    kept, position, open_name, opened = [], 0, b"", 0
    for tag in _POSITION_TAG.finditer(packet):
        closes, name, is_empty = tag.groups()
        if not open_name and not closes:
            kept.append(packet[position : tag.start()])
            position = opened = tag.start()
            if is_empty:
                position = tag.end()
            else:
                open_name = name
        elif closes and name == open_name:
            position, open_name = tag.end(), b""
    return b"".join([*kept, packet[opened if open_name else position :]])


def speaks_of_position(packet: bytes) -> bool:
    """Checks whether a packet in UTF-8, UTF-16 or UTF-32 may contain a position."""
    return b"gps" in packet.replace(b"\0", b"").lower()
