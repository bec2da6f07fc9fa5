"""The page of ``report`` in a real browser: divider, blinking, maps, zoom, touch; it loads and reports nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from command_line import run
from numpy.typing import NDArray
from PIL import Image

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
CODECS = ("cnc", "avif", "jxl", "webp", "jpeg")
WIDTH, HEIGHT = 256, 240

DIVIDER = "return Number(document.getElementById('divider').getAttribute('aria-valuenow'))"
SHOWN = "return document.getElementById('stage').dataset.shown"
STAGE = "const box = document.getElementById('stage').getBoundingClientRect();"
BOX = STAGE + "return [box.left, box.top, box.width, box.height]"
CANVAS = """const [left, top, width, height] = arguments;
const context = new OffscreenCanvas(width, height).getContext('2d', {willReadFrequently: true});
context.drawImage(document.getElementById('canvas'), -left, -top);
return Array.from(context.getImageData(0, 0, width, height).data)"""
DECODED = """
const page = JSON.parse(document.getElementById('data').textContent);
const urls = page.originals.flatMap((one) => [one.picture, ...one.qualities.flatMap(({versions}) =>
  versions.flatMap(({picture, errors}) => [picture, errors]))]);
return Promise.all(urls.map(async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  return [image.naturalWidth, image.naturalHeight];
}));"""
PIXELS = """
const page = JSON.parse(document.getElementById('data').textContent);
const image = new Image();
image.src = page.originals[0].qualities[0].versions.find(({codec}) => codec === arguments[0]).picture;
return image.decode().then(() => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
});"""


@pytest.fixture(scope="module")
def page(browser: Browser, coffee: Pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, two qualities, four peers; made after the browser is known to be there."""
    folder = tmp_path_factory.mktemp("report")
    for number in range(2):
        Image.fromarray(coffee[100 * number :, 200:][:HEIGHT, :WIDTH]).save(folder / f"photo{number}.png")
    names = [folder / "photo0.png", folder / "photo1.png"]
    result = run("report", *names, "-o", folder / "report.html", "-q", "40,80", "--device", "cpu")
    assert result.exit_code == 0, result.output
    return folder / "report.html"


@pytest.fixture(autouse=True)
def silent(browser: Browser, page: Path) -> Iterator[None]:
    """Nothing is written to the console and nothing is asked for but the page, whatever a test does."""
    browser.complaints(), browser.requests()
    yield
    assert browser.complaints() == []
    assert browser.requests() == {page.as_uri()}


def canvas(browser: Browser, left: float, top: float, width: int = 1, height: int = 1) -> Pixels:
    """RGB of some pixels of the stage's canvas."""
    data = browser.run(CANVAS, round(left), round(top), width, height)
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


def text(browser: Browser, name: str) -> str:
    return str(
        browser.run("const one = document.getElementById(arguments[0]); return one.value ?? one.textContent", name)
    )


def test_all_pictures_decode(browser: Browser, page: Path) -> None:
    browser.open(page)
    sizes = browser.run(DECODED)
    assert len(sizes) == 2 * (1 + 2 * 2 * len(CODECS))
    assert {tuple(size) for size in sizes} == {(WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2)}
    assert text(browser, "facts").startswith("256\u00d7240, original file ")


@pytest.mark.parametrize("codec", CODECS)
def test_browsers_show_the_pixels_that_were_measured(browser: Browser, page: Path, codec: str) -> None:
    browser.open(page)
    shown = np.array(browser.run(PIXELS, codec), np.float64).reshape(HEIGHT, WIDTH, 4)[..., :3]
    original = np.asarray(Image.open(page.parent / "photo0.png"), np.float64)
    psnr = 10 * np.log10(255**2 / np.mean((shown - original) ** 2))
    rows = browser.run("return Array.from(document.querySelectorAll('#table tr'), (row) => row.innerText.split('\\t'))")
    measured = next(float(row[3]) for row in rows if row[0].strip() == codec)
    assert psnr == pytest.approx(measured, abs=0.01)


def test_the_divider_moves_by_keys_and_mouse(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.run(DIVIDER) == 50
    browser.press("\ue014", "\ue014")  # arrow to the right
    assert browser.run(DIVIDER) == 52
    left, top, width, height = browser.run(BOX)
    browser.drag((left + 0.52 * width, top + height / 2), (left + 0.2 * width, top + height / 2))
    assert browser.run(DIVIDER) == pytest.approx(20, abs=1)
    browser.drag((left + 0.8 * width, top + 20), (left + 0.7 * width, top + 20))
    assert browser.run(DIVIDER) == pytest.approx(70, abs=1)


def test_each_side_shows_its_picture(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("d")  # the difference is dark, the original is not
    _, _, width, height = browser.run(BOX)
    middle = height / 2
    left, right = (canvas(browser, place * width, middle - 40, 60, 80).mean() for place in (0.43, 0.52))
    assert left > 2 * right


def test_the_blink_key_toggles(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.run(SHOWN) == "both"
    states, pictures = [], []
    _, _, width, height = browser.run(BOX)
    for _ in range(4):
        browser.press("b")
        states.append(browser.run(SHOWN))
        pictures.append(canvas(browser, width / 2 - 50, height / 2 - 50, 100, 100))
    assert states == ["left", "right", "left", "right"]
    assert np.array_equal(pictures[0], pictures[2]) and np.array_equal(pictures[1], pictures[3])
    assert not np.array_equal(pictures[0], pictures[1])
    browser.press("\ue00c")  # Escape
    assert browser.run(SHOWN) == "both"


def test_maps(browser: Browser, page: Path) -> None:
    browser.open(page)
    _, _, width, height = browser.run(BOX)
    seen = {}
    for key in "pdem":
        browser.press(key)
        seen[key] = canvas(browser, 0.55 * width, 0.4 * height, 60, 60)
    assert len({pixels.tobytes() for pixels in seen.values()}) == 4
    assert "bits a block, in all" in text(browser, "legend-high")
    counted, payload = (
        int(number.replace(",", "")) for number in text(browser, "legend-high").split(" in all ")[1].split(" of ")
    )
    assert counted == pytest.approx(payload, rel=0.01)
    browser.press("c")  # AVIF has no bit map
    assert text(browser, "right-tag").startswith("avif, ")


def test_single_pixels_are_squares(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("1", *"+" * 4, "b")
    percent = int(text(browser, "zoom").split()[0])
    side = percent // 100
    assert percent >= 1600 and side * 100 == percent
    row = canvas(browser, 0, 300, 20 * side, 1)[0].astype(int)
    changes = np.flatnonzero(np.abs(np.diff(row, axis=0)).sum(axis=1))
    assert len(changes) >= 5 and set(np.diff(changes) % side) == {0}
    original = {tuple(pixel) for pixel in np.asarray(Image.open(page.parent / "photo0.png")).reshape(-1, 3).tolist()}
    assert {tuple(pixel) for pixel in row.tolist()} <= original


def test_qualities_codecs_and_pictures_are_chosen(browser: Browser, page: Path) -> None:
    browser.open(page)
    first = text(browser, "right-tag")
    browser.press("]")
    second = text(browser, "right-tag")
    browser.press("n")
    assert len({first, second, text(browser, "right-tag")}) == 3
    browser.run("document.querySelectorAll('#table td button')[9].click()")  # the last codec at the last quality
    browser.settle()
    assert text(browser, "right-tag").startswith("jpeg, ")
    assert browser.run("return document.querySelectorAll('tr[aria-current=true]').length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone(browser: Browser, page: Path, scheme: str) -> None:
    browser.open(page, width=390, height=844, scale=3, scheme=scheme)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
    left, top, width, height = browser.run(BOX)
    assert (left, width) == (0, 390) and top + height < 600
    browser.touch(((left + width / 2, top + height / 2), (left + 0.8 * width, top + height / 2)))
    assert browser.run(DIVIDER) == pytest.approx(80, abs=2)
    before = int(text(browser, "zoom").split()[0])
    browser.touch(
        ((left + 0.45 * width, top + 60), (left + 0.2 * width, top + 60)),
        ((left + 0.55 * width, top + 60), (left + 0.75 * width, top + 60)),
    )
    assert int(text(browser, "zoom").split()[0]) > 2 * before
    assert browser.run("return document.getElementById('stage').hasAttribute('data-zoomed')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes(browser: Browser, page: Path, scheme: str) -> None:
    browser.open(page, scheme=scheme)
    script = """return ['h1', '#facts', 'td', 'th', 'button[aria-pressed=true]', 'summary'].map((name) => {
      const element = document.querySelector(name);
      let below = element;
      while (getComputedStyle(below).backgroundColor === 'rgba(0, 0, 0, 0)') below = below.parentElement;
      return [name, getComputedStyle(element).color, getComputedStyle(below).backgroundColor];
    })"""
    for name, text_colour, ground in browser.run(script):
        assert contrast(text_colour, ground) >= 4.5, (name, text_colour, ground)
    (ground,) = {contrast("rgb(0,0,0)", browser.run("return getComputedStyle(document.body).backgroundColor"))}
    assert (ground > 10) is (scheme == "light")


def contrast(one: str, other: str) -> float:
    """Ratio of luminances of two CSS colours, as WCAG has it: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    lights = []
    for colour in (one, other):
        channels = np.array([float(part) for part in re.findall(r"[\d.]+", colour)[:3]])
        channels /= 1 if "srgb" in colour else 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)
