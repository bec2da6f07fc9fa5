"""Fields of PBM, PGM, PPM and PFM files: comments, and pictures behind the first. Netpbm's format pages."""

from __future__ import annotations

import re

from cnncompress.images.fields.file_bytes import FileBytes, behind_the_end
from cnncompress.images.fields.findings import Fields

_HEADER_BYTES = 1 << 16
_TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*([^\s#]+)")
_SAMPLES = {b"P4": 1, b"P5": 1, b"P6": 3, b"Pf": 1, b"PF": 3}
_ANOTHER = re.compile(rb"\s*P[1-6fF][\s#]")


def read_fields(data: FileBytes) -> Fields:
    """Reads the fields of a PNM or PFM file."""
    head = data.at(0, _HEADER_BYTES)
    kind = head[:2]
    tokens, length = _header(head, 2 if kind in (b"P1", b"P4") else 3)
    comments = ("comments are not kept",) if b"#" in head[:length] else ()
    if kind not in _SAMPLES:  # in plain text, whose end is that of the file
        return Fields(extras=comments, remarks=True)
    end = _end(kind, tokens, length + 1)
    if end is None:
        return Fields(extras=comments)
    behind = behind_the_end(data, end, margin=2)
    another = _ANOTHER.match(data.at(end, 8)) is not None
    return Fields(
        pictures=("a second picture is not kept",) if another else (),
        extras=(*comments, *(() if another else behind)),
        known=True,
    )


def _header(head: bytes, count: int) -> tuple[list[bytes], int]:
    """Returns the first tokens behind the signature, and where they end; of an unfinished header, all that is there."""
    tokens: list[bytes] = []
    position = len(b"P6")
    for _ in range(count):
        match = _TOKEN.match(head, position)
        if match is None:
            return tokens, len(head)
        tokens.append(match[1])
        position = match.end()
    return tokens, position


def _end(kind: bytes, tokens: list[bytes], start: int) -> int | None:
    """Returns where the samples end that begin at ``start``; None if the header does not tell."""
    if len(tokens) < 2 or not all(token[:10].isdigit() and len(token) <= 10 for token in tokens[:2]):
        return None
    width, height = int(tokens[0]), int(tokens[1])
    if kind == b"P4":
        return start + (width + 7) // 8 * height
    if kind in (b"Pf", b"PF"):
        return start + 4 * _SAMPLES[kind] * width * height
    if len(tokens) < 3 or not tokens[2].isdigit() or len(tokens[2]) > 10:
        return None
    return start + _SAMPLES[kind] * width * height * (2 if int(tokens[2]) > 255 else 1)
