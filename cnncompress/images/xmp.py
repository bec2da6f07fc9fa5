"""Edits XMP packets as text: a packet is kept byte for byte but for what is edited.

XMP specification, part 1 (ISO 16684-1): properties are elements, or attributes of ``rdf:Description``.
"""

from __future__ import annotations

import re

# More mentions of GPS than this are no photograph's; the search for them would take its time.
_MAX_MENTIONS = 200

_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[0-9]+""")
_POSITION_ATTRIBUTE = re.compile(rb"""\s[\w.-]+:GPS\w*\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_POSITION_ELEMENT = re.compile(
    rb"<(?P<name>[\w.-]+:GPS\w*)(?:\s[^<>]*)?(?:/>|>.*?</(?P=name)\s*>)", re.IGNORECASE | re.DOTALL
)


def set_upright(packet: bytes) -> bytes:
    """Sets the orientation, if there is one, to 1."""
    return _ORIENTATION.sub(rb"\g<1>1", packet)


def without_position(packet: bytes) -> bytes | None:
    """Takes the properties out whose names begin with GPS, in any name space.

    Returns:
        The packet, or None if it still speaks of GPS, and it is better left out.
    """
    if packet.lower().count(b"gps") > _MAX_MENTIONS:
        return None
    for pattern in (_POSITION_ELEMENT, _POSITION_ATTRIBUTE):
        packet = pattern.sub(b"", packet)
    return None if speaks_of_position(packet) else packet


def speaks_of_position(packet: bytes) -> bool:
    """Whether a packet may hold a position; one in UTF-16 or UTF-32 is looked through as well."""
    return b"gps" in packet.replace(b"\0", b"").lower()
