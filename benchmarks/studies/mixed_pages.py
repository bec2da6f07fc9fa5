"""What a coding for each tile of a mixed page would save: ``python benchmarks/studies/mixed_pages.py PHOTOGRAPHS``.

Draws ten pages that mix text and photographs: web pages, slides, scans, a map and charts. Each is coded as AVIF at the
PSNR that the model reaches, and then in two layers on a grid of tiles: tiles of photographs by the model and the others
as AVIF, each layer flat where the other one counts, each at the squared error that plain AVIF has there. The layers
come to about what a container with a coding for each tile would hold.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from cnncompress import Codec
from cnncompress.codec.avif_coder import AvifCoder
from cnncompress.codec.encode_settings import CodingChoice
from cnncompress.codec.rate_search import Window, find_quality, psnr_of
from cnncompress.images.graphics import has_flat_areas
from cnncompress.images.read import read_image
from cnncompress.units import Hundredths

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import make_graphics as graphics

WIDTH, HEIGHT = 1024, 768
Pixels = NDArray[np.uint8]


def _with_photographs(
    base: Image.Image, photographs: Sequence[Image.Image], boxes: Sequence[tuple[int, ...]]
) -> Image.Image:
    for photograph, (left, top, width) in zip(photographs, boxes, strict=False):
        height = round(width * photograph.height / photograph.width)
        base.paste(photograph.resize((width, height), Image.Resampling.LANCZOS), (left, top))
    return base


def _page(seed: int) -> Image.Image:
    """Four pictures of text and plots side by side."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for number, draw in enumerate((graphics.page, graphics.page)):
        page.paste(draw(Random(10 * seed + number)).resize((512, 512)), (512 * number, 0))
        page.paste(draw(Random(10 * seed + 5 + number)), (512 * number, 512))
    return page


def web(seed: int, photographs: Sequence[Image.Image]) -> Image.Image:
    """A page of text with two photographs."""
    return _with_photographs(_page(seed), photographs, ((40, 60, 420), (560, 330, 400)))


def slide(seed: int, photographs: Sequence[Image.Image]) -> Image.Image:
    """A title, some lines, and one photograph over half of it, on a gradient."""
    background = Image.linear_gradient("L").resize((WIDTH, HEIGHT)).point(lambda value: 200 + value // 5)
    slide_ = Image.merge("RGB", (background, background, Image.new("L", background.size, 250)))
    draw = ImageDraw.Draw(slide_)
    font = ImageFont.truetype(str(graphics._FONTS / "DejaVuSans.ttf"), 34)
    words = graphics._prose(Random(seed)).split()
    for line in range(9):
        draw.text((40, 40 + 76 * line), " ".join(words[3 * line : 3 * line + 3]), font=font, fill=(20, 30, 60))
    return _with_photographs(slide_, photographs, ((500, 150, 500),))


def scan(seed: int, photographs: Sequence[Image.Image]) -> Image.Image:
    """A printed page with one picture, slightly blurred, on paper that is not quite even."""
    page = _with_photographs(_page(seed), photographs, ((300, 300, 480),)).filter(ImageFilter.GaussianBlur(0.7))
    noise = np.random.default_rng(seed).normal(0, 2.0, (HEIGHT, WIDTH, 1))
    return Image.fromarray((np.asarray(page, float) * 0.93 + 10 + noise).clip(0, 255).astype(np.uint8))


def relief(seed: int, photographs: Sequence[Image.Image]) -> Image.Image:
    """A map: flat areas, lines and names over a shaded relief, for which a blurred photograph stands."""
    shade = photographs[0].resize((WIDTH, HEIGHT)).convert("L").filter(ImageFilter.GaussianBlur(6))
    random_ = Random(seed)
    areas = Image.new("RGB", (WIDTH, HEIGHT), (190, 215, 240))
    draw = ImageDraw.Draw(areas)
    for _ in range(30):
        x, y = random_.randint(0, WIDTH), random_.randint(0, HEIGHT)
        corners = [(x + random_.randint(-160, 160), y + random_.randint(-160, 160)) for _ in range(6)]
        draw.polygon(corners, fill=random_.choice(((240, 240, 225), (200, 225, 180), (225, 225, 225))))
    shaded = Image.blend(areas, Image.merge("RGB", (shade, shade, shade)), 0.2)
    draw = ImageDraw.Draw(shaded)
    font = ImageFont.truetype(str(graphics._FONTS / "DejaVuSans.ttf"), 13)
    words = graphics._prose(random_).split()
    for word in words[:90]:
        draw.text((random_.randint(0, WIDTH - 60), random_.randint(0, HEIGHT - 20)), word, font=font, fill=(30, 30, 30))
    return shaded


def chart(seed: int, photographs: Sequence[Image.Image]) -> Image.Image:
    """Plots beside a smooth gradient, with one photograph."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "white")
    for number in range(2):
        page.paste(graphics.plot(Random(seed + number)), (512 * number, 0))
    gradient = Image.radial_gradient("L").resize((500, 240))
    page.paste(
        Image.merge("RGB", (gradient, gradient.point(lambda v: 255 - v), Image.new("L", gradient.size, 128))), (6, 520)
    )
    return _with_photographs(page, photographs, ((560, 520, 340),))


PAGES: tuple[tuple[str, Callable[[int, Sequence[Image.Image]], Image.Image]], ...] = (
    ("web 1", web), ("web 2", web), ("web 3", web), ("slide 1", slide), ("slide 2", slide),
    ("scan 1", scan), ("scan 2", scan), ("map", relief), ("chart 1", chart), ("chart 2", chart),
)  # fmt: skip


def tiles_of_photographs(pixels: Pixels, side: int) -> NDArray[np.bool_]:
    """Which pixels lie in tiles without flat areas, ``[H, W]``."""
    mask = np.zeros(pixels.shape[:2], bool)
    for top in range(0, pixels.shape[0], side):
        for left in range(0, pixels.shape[1], side):
            place = np.s_[top : top + side, left : left + side]
            mask[place] = not has_flat_areas(pixels[place])
    return mask


def flattened(pixels: Pixels, counts: NDArray[np.bool_]) -> Pixels:
    """The picture with the mean colour of the rest where it does not count."""
    mean = pixels[counts].mean(axis=0) if counts.any() else 128
    return np.where(counts[..., None], pixels, np.round(mean)).astype(np.uint8)


def squared_error(original: Pixels, decoded: Pixels, where: NDArray[np.bool_]) -> float:
    """Mean squared error of the pixels that count."""
    return float(np.mean(np.square(original[where].astype(float) - decoded[where]))) if where.any() else 0.0


def bytes_at_error(
    code: Callable[[Hundredths], tuple[int, Pixels]], pixels: Pixels, where: NDArray[np.bool_], error: float
) -> int:
    """Size of the smallest file of a layer that has at most an error where it counts.

    Args:
        code: Codes the layer at a quality and returns the bytes and what they decode to.
        pixels: uint8 ``[H, W, 3]``.
        where: ``[H, W]``, the pixels that count.
        error: Mean squared error.
    """
    if not where.any():
        return 0
    sizes: dict[Hundredths, int] = {}

    def decibels_at(quality: Hundredths) -> float:
        sizes[quality], decoded = code(quality)
        return decibels(squared_error(pixels, decoded, where))

    wanted = decibels(error)
    found = find_quality(Window(wanted, wanted + 0.2, "low", 0.002), decibels_at, Hundredths(6000))
    return sizes[max(sizes) if found is None else found]


def decibels(error: float) -> float:
    """PSNR of a mean squared error."""
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("photographs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--quality", default=60.0, help="At which the PSNR is set.")
@click.option("--least", default=32.0, help="Least PSNR, in dB, whatever the model reaches.")
@click.option("--side", default=64, help="Of the tiles.")
@click.option("--save", type=click.Path(path_type=Path), help="Folder for the pages, as PNG files.")
def main(photographs: tuple[Path, ...], quality: float, least: float, side: int, save: Path | None) -> None:
    """Print bytes of each page in one coding and in two layers."""
    codec = Codec(device="cpu")
    loaded = [Image.open(path).convert("RGB") for path in photographs]
    totals = [0, 0]
    for number, (name, draw) in enumerate(PAGES):
        page = draw(number, [loaded[(2 * number + offset) % len(loaded)] for offset in range(2)])
        if save is not None:
            save.mkdir(parents=True, exist_ok=True)
            page.save(save / f"{name}.png")
        image = read_image(page)
        pixels, counts = image.colour, tiles_of_photographs(image.colour, side)
        learned = codec.compress(page, quality, coding="learned")
        wanted = max(psnr_of(image, read_image(codec.decompress(learned)).colour), least)
        coder = AvifCoder(image)
        whole = coder.file_of_psnr(wanted, Hundredths(round(quality * 100)))
        if whole is None:
            click.echo(f"{name:8} AVIF does not reach {wanted:.2f} dB")
            continue
        decoded = coder.colours_of(whole)
        sizes = []
        layers_of_page: tuple[tuple[NDArray[np.bool_], CodingChoice], ...] = ((~counts, "avif"), (counts, "learned"))
        for mask, coding in layers_of_page:
            layer = flattened(pixels, mask)

            def code(at: Hundredths, layer: Pixels = layer, coding: CodingChoice = coding) -> tuple[int, Pixels]:
                data = codec.compress(layer, at / 100, coding=coding)
                return len(data), np.asarray(codec.decompress(data))

            sizes.append(bytes_at_error(code, pixels, mask, squared_error(pixels, decoded, mask)))
        layers = sum(sizes)
        totals[0] += len(whole)
        totals[1] += layers
        kind = "graphics" if has_flat_areas(pixels) else "photograph"
        shown = f"{name:8} {100 * counts.mean():4.0f} % photograph, taken for a {kind:10}, learned {len(learned):6}"
        layered = f"layers {layers:6} = {sizes[0]} + {sizes[1]} ({100 * (layers / len(whole) - 1):+.1f} %)"
        click.echo(f"{shown}, AVIF {len(whole):6}, {layered}")
    click.echo(f"all: {totals[0]} against {totals[1]} bytes, {100 * (totals[1] / totals[0] - 1):+.1f} %")


if __name__ == "__main__":
    main()
