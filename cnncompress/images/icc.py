"""Makes ICC profiles of matrix and curves, which say exactly what code points or chromaticities say.

ICC.1:2010 (profile version 4.3).
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from cnncompress.images.fields.colours import ColourTag

_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_HEADER_BYTES = 128


def make_profile(tag: ColourTag, *, gray: bool) -> bytes:
    """Returns the ICC profile for the colours of a file.

    Args:
        tag: An exact tag.
        gray: Whether the picture is gray.
    """
    white_x, white_y = tag.primaries[:2]
    white = _xyz(white_x, white_y)
    adaptation = _adaptation(white)
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(tag.curve)
    tags: list[tuple[bytes, bytes]] = [
        (b"desc", _text(f"colours of the {tag.origin} field")),
        (b"cprt", _text("no copyright, use freely")),
        (b"wtpt", _xyz_type(_D50)),
        (b"chad", b"sf32" + bytes(4) + _fixed(adaptation.ravel())),
    ]
    if gray:
        tags.append((b"kTRC", curve))
    else:
        columns = np.array([(x, y, 1 - x - y) for x, y in (tag.primaries[i : i + 2] for i in (2, 4, 6))]).T
        columns = adaptation @ (columns * np.linalg.solve(columns, white))
        tags += [(name, _xyz_type(column)) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns.T, strict=True)]
        tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _file(tags, b"GRAY" if gray else b"RGB ")


def _file(tags: list[tuple[bytes, bytes]], space: bytes) -> bytes:
    placed: dict[bytes, int] = {}
    body = b""
    start = _HEADER_BYTES + 4 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, data in tags:
        if data not in placed:  # the three curves are one
            placed[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", placed[data], len(data))
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x04300000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + _fixed(_D50)
    return header.ljust(_HEADER_BYTES, b"\0") + table + body


def _xyz(x: float, y: float) -> npt.NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adaptation(white: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    gains = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return np.asarray(np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD)


def _fixed(values: object) -> bytes:
    return b"".join(struct.pack(">i", round(float(value) * 65536)) for value in values)  # type: ignore[attr-defined]


def _xyz_type(values: npt.NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _text(value: str) -> bytes:
    encoded = value.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(encoded), 28) + encoded
