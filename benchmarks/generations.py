"""Compress and decompress an image again and again: ``python benchmarks/generations.py samples/*.png --quality 60``.

Prints PSNR against the first original and bytes of several generations, for `cnc` and for JPEG, WebP and AVIF at
settings that give about the same quality, and how much the mean colour has drifted at the end.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnncompress import Codec
from cnncompress.evaluation.metrics import psnr

Pixels = NDArray[np.uint8]
Coder = Callable[[Pixels], tuple[Pixels, int]]

SHOWN = (1, 2, 3, 5, 10)
PEERS: dict[str, tuple[str, dict[str, object]]] = {
    "JPEG 85, 4:4:4": ("JPEG", {"quality": 85, "subsampling": 0}),
    "WebP 80": ("WEBP", {"quality": 80}),
    "AVIF 60": ("AVIF", {"quality": 60, "speed": 6, "subsampling": "4:4:4"}),
}


def cnc(codec: Codec, quality: float) -> Coder:
    """Codes with the coding that suits the picture."""

    def code(pixels: Pixels) -> tuple[Pixels, int]:
        data = codec.compress(pixels, quality)
        return np.asarray(codec.decompress(data)), len(data)

    return code


def pillow(file_format: str, options: dict[str, object]) -> Coder:
    """Codes with one of Pillow's writers."""

    def code(pixels: Pixels) -> tuple[Pixels, int]:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, file_format, **options)
        with Image.open(stream) as image:
            return np.asarray(image.convert("RGB")), stream.tell()

    return code


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--quality", "qualities", multiple=True, default=(30.0, 60.0, 85.0), help="Of cnc; may be repeated.")
@click.option("--side", default=512, help="Images are cut to so many pixels in the middle.")
def main(images: tuple[Path, ...], qualities: tuple[float, ...], side: int) -> None:
    """Print a Markdown table, averaged over IMAGES."""
    codec = Codec(device="cpu")
    coders = {f"cnc {quality:g}": cnc(codec, quality) for quality in qualities}
    coders |= {name: pillow(*settings) for name, settings in PEERS.items()}
    click.echo(f"| | {' | '.join(f'generation {number}' for number in SHOWN)} | bytes, last to first | mean colour |")
    click.echo("| --- |" + " ---: |" * (len(SHOWN) + 2))
    for name, code in coders.items():
        decibels, growth, drift = [], [], []
        for path in images:
            image = Image.open(path).convert("RGB")
            left, top = (max(0, length - side) // 2 for length in image.size)
            original = np.asarray(image.crop((left, top, min(left + side, image.width), min(top + side, image.height))))
            pixels, sizes, reached = original, [], []
            for _ in range(max(SHOWN)):
                pixels, size = code(pixels)
                sizes.append(size)
                reached.append(min(psnr(original, pixels), 100.0))  # equal pixels have infinity
            decibels.append([reached[number - 1] for number in SHOWN])
            growth.append(sizes[-1] / sizes[0] - 1)
            drift.append(np.abs((pixels.astype(float) - original).mean((0, 1))).max())
        means = " | ".join(f"{value:.2f} dB" for value in np.mean(decibels, axis=0))
        click.echo(f"| {name} | {means} | {100 * np.mean(growth):+.1f} % | {np.max(drift):.2f} |")


if __name__ == "__main__":
    main()
