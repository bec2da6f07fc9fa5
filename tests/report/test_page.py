"""What is in a page: pictures, figures and maps, and nothing that it would have to load."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sample_files import encoded

from cnncompress.codec.bit_map import BitMap
from cnncompress.report.measure import AtQuality, Original, Version
from cnncompress.report.page import make_page, picture_part

Pixels = NDArray[np.uint8]
Picture = tuple[Original, AtQuality]


@pytest.fixture(scope="module")
def measured(chelsea: Pixels) -> Picture:
    """A picture of 41x33 pixels, coded by two codecs."""
    original = np.ascontiguousarray(chelsea[:33, :41])
    jpeg = encoded(Image.fromarray(original), "JPEG", quality=50)
    errors = np.linspace(0, 1, 33 * 41, dtype=np.float32).reshape(33, 41)
    bits = BitMap(np.arange(16.0).reshape(4, 4), 128)
    own = Version("cnc", 60.0, b"x" * 700, original // 2 * 2, 0.1, 0.2, 51.5, None, None, bits)
    peer = Version("jpeg", 50, jpeg, np.asarray(Image.open(io.BytesIO(jpeg))), 0.01, 0.02, None, 61.0, errors, None)
    return Original("a <b>.png", 1234, original), AtQuality(60.0, (own, peer))


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def page_of(*pictures: Picture, settings: Sequence[tuple[str, str]] = (), first: float = 60.0) -> str:
    parts = [picture_part(original, iter([entry])) for original, entry in pictures]
    return make_page(parts, settings, first).decode()


def pixels_of(url: str) -> Pixels:
    data = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)))


def test_pictures_are_those_measured(measured: Picture) -> None:
    (original,) = data_of(page_of(measured))["originals"]
    own, peer = original["qualities"][0]["versions"]
    assert np.array_equal(pixels_of(original["picture"]), measured[0].pixels)
    assert np.array_equal(pixels_of(own["picture"]), measured[1].versions[0].pixels)
    assert peer["picture"].startswith("data:image/jpeg;base64,/9j/")
    assert np.array_equal(pixels_of(peer["picture"]), measured[1].versions[1].pixels)


def test_figures_and_maps(measured: Picture) -> None:
    data = data_of(page_of(measured, measured, settings=[("cnc", "settings & more")], first=55.0))
    assert (data["first"], data["settings"], len(data["originals"])) == (0, [["cnc", "settings & more"]], 2)
    own, peer = data["originals"][1]["qualities"][0]["versions"]
    assert (own["bytes"], own["bpp"], own["psnr"], own["ssimulacra2"]) == (700, 4.139, 51.5, None)
    assert own["bits"] == {"rows": 4, "columns": 4, "values": list(range(16)), "most": 15, "sum": 120, "payload": 128}
    assert (own["errors"], peer["bits"], peer["psnr"]) == (None, None, None)
    errors = pixels_of(peer["errors"])
    assert errors.shape[:2] == (17, 21)
    assert errors[0].max() < errors[8].min() < errors[8].max() < errors[-1].min()  # it is a ramp


def test_qualities_are_let_go_one_by_one(measured: Picture) -> None:
    original, entry = measured

    def entries() -> Iterator[AtQuality]:
        first = replace(entry)
        known = weakref.ref(first)
        yield first
        del first
        assert known() is None
        yield replace(entry, quality=70.0)

    assert picture_part(original, entries()).qualities == (60.0, 70.0)


def test_everything_is_inside(measured: Picture) -> None:
    page = page_of(measured, settings=[("cnc", "</script><img src=x>")])
    text = re.sub(r"data:[\w/]+;base64,[A-Za-z0-9+/=]+", "", page)
    assert "{{" not in re.sub(r"\$\{.*", "", text) and "default-src 'none'" in text
    assert re.findall(
        r"""(?:src|href)=["']?([^"'> ]+)""", re.sub(r'id="data">.*?</script>', "", text, flags=re.DOTALL)
    ) == ["data:,"]
    assert "http:" not in text and "https:" not in text and "</script><img" not in text
    assert html.escape("a <b>.png") in text and "<b>" not in text


def test_names_that_are_no_text_are_shown(measured: Picture) -> None:
    """Names of files are bytes, and Python keeps those that are not UTF-8 as lone surrogates."""
    original, entry = measured
    page = page_of((replace(original, name="bad\udcff.png"), entry))
    assert data_of(page)["originals"][0]["name"] == "bad\\udcff.png"
    assert "<title>bad\\udcff.png - " in page
