"""Pages of ``report`` that are not like most, in a real browser: large ones, some without maps, damaged ones."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from numpy.typing import NDArray
from PIL import Image

from cnncompress.codec.bit_map import BitMap
from cnncompress.report.measure import AtQuality, Original, Version
from cnncompress.report.page import make_page, picture_part

pytestmark = pytest.mark.slow

PIXELS = np.full((32, 48, 3), 200, np.uint8)
SHOWN = "!document.getElementById('message').hidden"


def version(codec: str, size: int, bits: NDArray[np.float64] | None = None) -> Version:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "JPEG")
    counted = None if bits is None else BitMap(bits, int(bits.sum()))
    data = stream.getvalue().ljust(size, b"\0")
    return Version(codec, 60.0, data, PIXELS, 0.1, 0.1, 40.0, None, None, counted)


def write_page(path: Path, *entries: AtQuality) -> Path:
    path.write_bytes(make_page([picture_part(Original("a.png", 10, PIXELS), entries)], [], 60.0))
    return path


def text(browser: Browser, name: str) -> str:
    return str(
        browser.run("const one = document.getElementById(arguments[0]); return one.value ?? one.textContent", name)
    )


def test_errors_and_requests_are_noticed(browser: Browser, tmp_path: Path) -> None:
    """What the other tests rely on."""
    page, other = tmp_path / "page.html", tmp_path / "other.png"
    ready = "onerror='document.body.dataset.ready = true'"
    page.write_text(f"<body><img src='{other.as_uri()}' {ready}><script>throw Error('odd')</script>")
    browser.complaints(), browser.requests()
    browser.open(page)
    assert any("odd" in line for line in browser.complaints())
    assert browser.requests() == {page.as_uri(), other.as_uri()}


@pytest.mark.parametrize("blocks", [1, 200_000])
def test_bit_maps_of_any_size(browser: Browser, tmp_path: Path, blocks: int) -> None:
    bits = np.ones((1, blocks))
    bits[0, -1] = 7
    page = write_page(tmp_path / "page.html", AtQuality(60.0, (version("cnc", 1000, bits),)))
    browser.complaints()
    browser.open(page)
    browser.press("m")
    assert text(browser, "legend-high").startswith("7 bits a block, in all ")
    assert browser.complaints() == []


def test_without_maps(browser: Browser, tmp_path: Path) -> None:
    page = write_page(tmp_path / "page.html", AtQuality(60.0, (version("cnc", 1000), version("jpeg", 1000))))
    browser.complaints()
    browser.open(page)
    disabled = "return Array.from(document.querySelectorAll('#layers button:disabled'), (one) => one.value)"
    assert browser.run(disabled) == ["errors", "bits"]
    browser.press("m", "e")
    assert text(browser, "right-tag") == "cnc, 1,000 bytes" and not browser.run(f"return {SHOWN}")
    browser.press("c", "d")
    assert text(browser, "right-tag").startswith("difference")
    assert browser.complaints() == []


def test_files_with_fewer_bytes_are_marked(browser: Browser, tmp_path: Path) -> None:
    codecs = (version("cnc", 1000), version("jpeg", 900), version("webp", 1000))
    browser.open(write_page(tmp_path / "page.html", AtQuality(60.0, codecs)))
    cells = browser.run(
        "return Array.from(document.querySelectorAll('#table td:nth-child(3)'), (one) => one.textContent)"
    )
    assert cells == ["", "\u221210.0 % *", "+0.0 %"]


def test_the_last_pictures_are_kept_and_no_more(browser: Browser, tmp_path: Path) -> None:
    entries = []
    for quality in range(0, 100, 10):
        own = replace(version("cnc", 1000), pixels=PIXELS - np.uint8(quality))
        entries.append(AtQuality(float(quality), (own,)))
    browser.open(write_page(tmp_path / "page.html", *entries))
    browser.press(*"[" * 10, "d", *"]" * 9)
    assert 2 <= browser.run("return kept.size") <= 8
    browser.press(*"[" * 9, "p")
    assert text(browser, "right-tag") == "cnc, 1,000 bytes" and not browser.run(f"return {SHOWN}")


@pytest.mark.parametrize(
    ("part", "damaged", "said"),
    [
        ("data:image/jpeg;base64,", "data:image/jpeg;base64,AA", "This browser cannot show jpeg: "),
        ('"versions":', '"others":', "This page has failed: "),
    ],
)
def test_what_cannot_be_shown_is_said(browser: Browser, tmp_path: Path, part: str, damaged: str, said: str) -> None:
    page = write_page(tmp_path / "page.html", AtQuality(60.0, (version("jpeg", 1000),)))
    page.write_text(page.read_text().replace(part, damaged))
    browser.load(page, SHOWN)
    assert text(browser, "message").startswith(said)
