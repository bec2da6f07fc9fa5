"""Makes pictures of text, plots and pages to train on: ``python scripts/make_graphics.py -o graphics/ --count 40``.

Photographs teach a model little about letters and thin lines. These pictures are drawn from nothing but a seed, fonts
that Matplotlib brings along and the text of Python's own modules.
"""

from __future__ import annotations

import inspect
import io
import json
import random
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import click
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

SIDE = 512
"""Pixels along each side of a picture."""

_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_PROPORTIONAL = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf", "cmr10.ttf")
_MONOSPACED = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")

Colour = tuple[int, int, int]


def _font(random_: random.Random, names: tuple[str, ...], low: int, high: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_FONTS / random_.choice(names)), random_.randint(low, high))


def _paper_and_ink(random_: random.Random) -> tuple[Colour, Colour]:
    """A background and a colour that is readable on it; one in three is a dark theme."""
    pale, dark = _colour(lambda: random_.randint(225, 255)), _colour(lambda: random_.randint(0, 60))
    if random_.random() < 0.4:
        pale, dark = (255, 255, 255), (0, 0, 0)
    return (dark, pale) if random_.random() < 0.33 else (pale, dark)


def _vivid(random_: random.Random) -> Colour:
    return _colour(lambda: random_.choice((random_.randint(0, 90), random_.randint(120, 240))))


def _colour(draw: Callable[[], int]) -> Colour:
    return draw(), draw(), draw()


def _prose(random_: random.Random) -> str:
    """Sentences of documentation, in random order."""
    sentences = (inspect.getdoc(json) or "").split(". ") + (inspect.getdoc(random) or "").split(". ")
    sentences += (inspect.getdoc(textwrap.TextWrapper) or "").split(". ") + (inspect.getdoc(io.BytesIO) or "").split(
        ". "
    )
    random_.shuffle(sentences)
    return " ".join(" ".join(sentences).split())


def page(random_: random.Random) -> Image.Image:
    """Paragraphs under headings, some of them with links or a box."""
    paper, ink = _paper_and_ink(random_)
    image = Image.new("RGB", (SIDE, SIDE), paper)
    draw = ImageDraw.Draw(image)
    body, heading = _font(random_, _PROPORTIONAL, 10, 18), _font(random_, _PROPORTIONAL, 20, 40)
    words, row, left = _prose(random_).split() * 4, random_.randint(-10, 20), random_.randint(4, 40)
    while row < SIDE:
        if random_.random() < 0.25:
            draw.text((left, row), " ".join(words[:3]), font=heading, fill=random_.choice((ink, _vivid(random_))))
            row += round(heading.size * 1.4)
        for _ in range(random_.randint(2, 7)):
            column, link = float(left), random_.random() < 0.2
            while words and column < SIDE - 2 * left:
                word = words.pop(0) + " "
                draw.text((column, row), word, font=body, fill=(20, 70, 200) if link and len(word) > 6 else ink)
                column += body.getlength(word)
            row += round(body.size * 1.35)
        row += round(body.size * 0.8)
        words = words or _prose(random_).split() * 4
    return image


def program(random_: random.Random) -> Image.Image:
    """Source code in an editor's colours, with line numbers."""
    paper, ink = _paper_and_ink(random_)
    image = Image.new("RGB", (SIDE, SIDE), paper)
    draw = ImageDraw.Draw(image)
    font, colours = _font(random_, _MONOSPACED, 9, 16), [ink, *(_vivid(random_) for _ in range(4))]
    lines = inspect.getsource(random_.choice((textwrap, inspect, random, json))).splitlines()
    first, step, width = random_.randrange(max(1, len(lines) - 60)), round(font.size * 1.3), font.getlength("0")
    for number in range(SIDE // step + 1):
        draw.text((4, number * step), f"{first + number:4d}", font=font, fill=(128, 128, 128))
        column = 6 * width
        for word in lines[(first + number) % len(lines)].replace(" ", " \0").split("\0"):
            draw.text(
                (column, number * step), word, font=font, fill=colours[crc32(word.strip().encode()) % len(colours)]
            )
            column += width * len(word)
    return image


def plot(random_: random.Random) -> Image.Image:
    """A chart: lines, bars, points or a map of values."""
    numbers = np.random.default_rng(random_.randrange(1 << 30))
    figure = Figure(figsize=(SIDE / 100, SIDE / 100), dpi=100, facecolor=random_.choice(("white", "white", "0.93")))
    rows = random_.choice((1, 1, 2))
    for axes in np.ravel(figure.subplots(rows, rows)):
        kind, size = random_.randrange(4), random_.randint(8, 60)
        if kind == 0:
            for _ in range(random_.randint(1, 5)):
                axes.plot(
                    numbers.normal(size=size).cumsum(), random_.choice(("-", "--", "o-", ".")), label=f"run {size}"
                )
            axes.legend(fontsize=7)
        elif kind == 1:
            axes.bar(range(size // 3), numbers.random(size // 3), color=[c / 255 for c in _vivid(random_)])
        elif kind == 2:
            axes.scatter(*numbers.normal(size=(2, 5 * size)), c=numbers.random(5 * size), s=random_.randint(4, 60))
        else:
            axes.imshow(
                numbers.random((size, size)).cumsum(0), cmap=random_.choice(("viridis", "magma", "gray", "coolwarm"))
            )
        axes.set_title(" ".join(_prose(random_).split()[:3]), fontsize=9)
        axes.grid(random_.random() < 0.5)
        axes.tick_params(labelsize=7)
    figure.set_layout_engine("tight")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with Image.open(buffer) as image:
        return image.convert("RGB").resize((SIDE, SIDE))


def window(random_: random.Random) -> Image.Image:
    """A program's window: bars, buttons, a table, gradients and icons."""
    paper, ink = _paper_and_ink(random_)
    ramp = np.linspace(_vivid(random_), _vivid(random_), SIDE).astype(np.uint8)
    image = Image.fromarray(np.repeat(ramp[:, None], SIDE, axis=1))
    draw, font, accent = ImageDraw.Draw(image), _font(random_, _PROPORTIONAL, 10, 15), _vivid(random_)
    words = _prose(random_).split()
    left, top = random_.randint(0, 60), random_.randint(0, 60)
    draw.rounded_rectangle((left, top, SIDE - left, SIDE - top), random_.randint(0, 12), fill=paper, outline=ink)
    draw.rectangle((left, top, SIDE - left, top + 26), fill=accent)
    draw.text((left + 10, top + 5), " ".join(words[:4]), font=font, fill=(255, 255, 255))
    row, height = top + 36, round(font.size * 1.8)
    while row < SIDE - top - height:
        kind = random_.randrange(3)
        for column in range(left + 8, SIDE - left - 90, random_.randint(60, 130)):
            box = (column, row, column + random_.randint(40, 80), row + height - 4)
            if kind == 0:
                draw.rounded_rectangle(box, 4, fill=accent, outline=ink)
            elif kind == 1:
                draw.rectangle(box, outline=(128, 128, 128))
            else:
                draw.ellipse((*box[:2], column + height - 4, box[3]), fill=_vivid(random_), outline=ink)
            draw.text((column + 5, row + 2), random_.choice(words)[:8], font=font, fill=ink)
        row += height
    return image


def plan(random_: random.Random) -> Image.Image:
    """A map or plan: areas, roads with edges, names."""
    paper, ink = _paper_and_ink(random_)
    image = Image.new("RGB", (2 * SIDE, 2 * SIDE), paper)  # drawn large and scaled down, for smooth edges
    draw = ImageDraw.Draw(image)
    for _ in range(random_.randint(5, 25)):
        centre = [random_.randrange(2 * SIDE) for _ in range(2)]
        points = [tuple(c + random_.randint(-160, 160) for c in centre) for _ in range(random_.randint(3, 7))]
        draw.polygon(points, fill=_vivid(random_), outline=ink)
    for _ in range(random_.randint(3, 15)):
        points, width = [tuple(random_.randrange(2 * SIDE) for _ in range(2)) for _ in range(4)], random_.randint(4, 16)
        draw.line(points, fill=ink, width=width + 4, joint="curve")
        draw.line(points, fill=paper, width=width, joint="curve")
    image = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    draw, words = ImageDraw.Draw(image), _prose(random_).split()
    for _ in range(random_.randint(10, 40)):
        place = (random_.randrange(SIDE), random_.randrange(SIDE))
        font = _font(random_, _PROPORTIONAL, 9, 16)
        draw.text(place, random_.choice(words), font=font, fill=ink, stroke_width=1, stroke_fill=paper)
    return image


KINDS: tuple[Callable[[random.Random], Image.Image], ...] = (page, program, plot, window, plan)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write PNG files to.")
@click.option("--count", default=40, type=click.IntRange(min=1), help="Pictures to make.")
@click.option("--seed", default=1, help="The same seed makes the same pictures.")
def main(output: Path, count: int, seed: int) -> None:
    """Make pictures of text, plots and pages, in turn."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            kind = KINDS[number % len(KINDS)]
            kind(random.Random(seed * 100_003 + number)).save(output / f"graphics_{kind.__name__}_{number:03d}.png")
    except OSError as error:
        sys.exit(f"make_graphics: {error}")


if __name__ == "__main__":
    main()
