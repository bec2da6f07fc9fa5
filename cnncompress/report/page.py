"""Puts pictures and measurements together to one HTML file, which needs nothing else.

Pictures are data URLs: the files of JPEG, WebP and AVIF as they are, and what not all browsers decode as lossless WebP.
The page is ``page.html`` with ``page.css``, ``layers.js``, ``stage.js`` and ``page.js`` set in; its content security
policy forbids the browser to load anything.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnncompress.codec.bit_map import BitMap
from cnncompress.images.heat_map import COLOURS
from cnncompress.report.measure import AtQuality, Original, Version

SCRIPTS = ("layers.js", "stage.js", "page.js")

_SHOWN_AS_IT_IS = {"jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif"}
"""Formats that all browsers decode, by the name of the codec up to its first dash."""

_WEBP_MAX_SIDE = 16383
_BRIGHTEST = 99.5
"""Percentile of the errors that get the brightest colour; the few above would leave the rest dark."""


@dataclass(frozen=True)
class PicturePart:
    """What a page has of one picture: files, figures and maps, and no pixels.

    Attributes:
        name: Of the picture's file, with escapes for what is not UTF-8.
        qualities: Those of cnncompress, rising.
        json: For the page's scripts.
    """

    name: str
    qualities: tuple[float, ...]
    json: bytes


def picture_part(original: Original, qualities: Iterable[AtQuality]) -> PicturePart:
    """Makes the part of one picture; each quality is let go before the next is asked for.

    Args:
        original: The picture.
        qualities: Its versions, by rising quality.
    """
    name = _text(original.name)
    height, width = original.pixels.shape[:2]
    entries = list(map(_quality, qualities))  # a loop would hold one of them while the next is measured
    part = {
        "name": name,
        "width": width,
        "height": height,
        "bytes": original.file_bytes,
        "picture": _lossless(original.pixels),
        "qualities": entries,
    }
    return PicturePart(name, tuple(entry["quality"] for entry in entries), _json(part))


def make_page(pictures: Sequence[PicturePart], settings: Sequence[tuple[str, str]], first: float) -> bytes:
    """Makes the page.

    Args:
        pictures: At least one, all with the same codecs and qualities.
        settings: Names and texts of how it was measured.
        first: The quality that is shown first.

    Returns:
        HTML, in UTF-8.
    """
    qualities = pictures[0].qualities
    title = pictures[0].name if len(pictures) == 1 else f"{len(pictures)} pictures"
    data = {
        "colours": COLOURS,
        "first": min(range(len(qualities)), key=lambda number: abs(qualities[number] - first)),
        "settings": list(settings),
    }
    parts = {
        "title": html.escape(f"{title} - cnncompress").encode(),
        "style": _part("page.css"),
        "script": b"\n".join(_part(name) for name in SCRIPTS),
        "data": _json(data)[:-1] + b',"originals":[' + b",".join(picture.json for picture in pictures) + b"]}",
    }
    texts = re.split(rb"\{\{(\w+)\}\}", _part("page.html"))
    return b"".join(parts[text.decode()] if number % 2 else text for number, text in enumerate(texts))


def _text(name: str) -> str:
    """A file name as text, which names need not be: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def _part(name: str) -> bytes:
    return resources.files("cnncompress.report").joinpath(name).read_bytes()


def _json(value: dict[str, Any]) -> bytes:
    """ASCII that can stand in a script element, whose end a string must not contain."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").encode("ascii")


def _quality(entry: AtQuality) -> dict[str, Any]:
    maps = [one.errors for one in entry.versions if one.errors is not None]
    most = max((float(np.percentile(errors, _BRIGHTEST)) for errors in maps), default=0.0) or 1.0
    return {"quality": entry.quality, "versions": [_version(one, most) for one in entry.versions]}


def _version(version: Version, most_error: float) -> dict[str, Any]:
    kind = _SHOWN_AS_IT_IS.get(version.codec.split("-")[0])
    return {
        "codec": version.codec,
        "quality": version.quality,
        "bytes": len(version.data),
        "bpp": round(version.bpp, 4),
        "psnr": None if version.psnr is None else round(version.psnr, 3),
        "ssimulacra2": None if version.ssimulacra2 is None else round(version.ssimulacra2, 2),
        "encode": round(version.encode_seconds, 3),
        "decode": round(version.decode_seconds, 3),
        "picture": _lossless(version.pixels) if kind is None else _url(kind, version.data),
        "errors": None if version.errors is None else _error_picture(version.errors, most_error),
        "bits": None if version.bits is None else _bits(version.bits),
    }


def _bits(counted: BitMap) -> dict[str, Any]:
    rows, columns = counted.bits.shape
    values = np.round(counted.bits, 1).ravel().tolist()
    return {
        "rows": rows,
        "columns": columns,
        "values": values,
        "most": max(values),
        "sum": round(float(counted.bits.sum())),
        "payload": counted.payload_bits,
    }


def _error_picture(errors: NDArray[np.float32], most: float) -> str:
    """The square root of an error map, in gray at half its size, lossy: it is looked at, and not measured."""
    height, width = errors.shape
    even = np.pad(errors, ((0, height % 2), (0, width % 2)), mode="edge")
    halved = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean(axis=(1, 3))
    gray = np.rint(255.0 * np.sqrt(np.clip(halved / most, 0.0, 1.0))).astype(np.uint8)
    stream = io.BytesIO()
    if max(gray.shape) > _WEBP_MAX_SIDE:
        Image.fromarray(gray).save(stream, "JPEG", quality=70)
        return _url("image/jpeg", stream.getvalue())
    Image.fromarray(gray).save(stream, "WEBP", quality=40, method=4)
    return _url("image/webp", stream.getvalue())


def _lossless(pixels: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    if max(pixels.shape[:2]) > _WEBP_MAX_SIDE:
        Image.fromarray(pixels).save(stream, "PNG")
        return _url("image/png", stream.getvalue())
    # Slower methods take 2 % less and up to ten times as long.
    Image.fromarray(pixels).save(stream, "WEBP", lossless=True, method=4, quality=50)
    return _url("image/webp", stream.getvalue())


def _url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
