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
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnncompress.codec.bit_map import BitMap
from cnncompress.images.heat_map import COLOURS
from cnncompress.report.measure import AtQuality, Measured, Version

SCRIPTS = ("layers.js", "stage.js", "page.js")

_SHOWN_AS_IT_IS = {"jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif"}
"""Formats that all browsers decode, by the name of the codec up to its first dash."""

_WEBP_MAX_SIDE = 16383
_BRIGHTEST = 99.5
"""Percentile of the errors that get the brightest colour; the few above would leave the rest dark."""


def make_page(pictures: Sequence[Measured], settings: Sequence[tuple[str, str]], first: float) -> str:
    """Makes the page.

    Args:
        pictures: At least one, all with the same codecs and qualities.
        settings: Names and texts of how it was measured.
        first: The quality that is shown first.

    Returns:
        HTML.
    """
    qualities = [entry.quality for entry in pictures[0].qualities]
    title = _text(pictures[0].name) if len(pictures) == 1 else f"{len(pictures)} pictures"
    data = {
        "colours": COLOURS,
        "first": min(range(len(qualities)), key=lambda number: abs(qualities[number] - first)),
        "settings": list(settings),
        "originals": [_original(picture) for picture in pictures],
    }
    parts = {
        "title": html.escape(f"{title} - cnncompress"),
        "style": _part("page.css"),
        "script": "\n".join(_part(name) for name in SCRIPTS),
        "data": json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _part("page.html"))


def _text(name: str) -> str:
    """A file name as text, which names need not be: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode()


def _part(name: str) -> str:
    return resources.files("cnncompress.report").joinpath(name).read_text(encoding="utf-8")


def _original(picture: Measured) -> dict[str, Any]:
    height, width = picture.pixels.shape[:2]
    return {
        "name": _text(picture.name),
        "width": width,
        "height": height,
        "bytes": picture.file_bytes,
        "picture": _lossless(picture.pixels),
        "qualities": [_quality(entry) for entry in picture.qualities],
    }


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
