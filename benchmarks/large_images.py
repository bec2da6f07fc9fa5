"""Large images through the command: time a megapixel and peak memory, from one megapixel upward."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from command_runs import CNNCOMPRESS, watched
from numpy.typing import NDArray
from PIL import Image

from cnncompress.api.codec import Codec
from cnncompress.evaluation.metrics import psnr
from cnncompress.evaluation.speed import generated_image

OVERHEAD_MEGAPIXELS = 4.0

SCALES = (1 / 2, 1 / 4, 1 / 8)

_BAND = 512
"""Rows that are cut out of every source."""
_ASPECT = 4 / 3
_WARM_UP_PIXELS = 128 * 128
# The limits of the command are not what is measured.
_LIMITS = ("--max-pixels", str(2**32), "--memory-limit", "64G")


@dataclass(frozen=True)
class Cost:
    """Time and memory of one direction.

    Attributes:
        seconds: A megapixel, of the file from opening to closing, with the model loaded.
        peak_mib: Largest resident memory of the whole process in MiB, program and model included; None on systems that
            do not tell.
    """

    seconds: float
    peak_mib: float | None


@dataclass(frozen=True)
class LargeResult:
    """What was measured with images of one size.

    Attributes:
        megapixels: Size of the images.
        bpp: Rate of the file.
        compress: Image file to .cnc file.
        decompress: And back, to a PPM, which takes no time of its own.
    """

    megapixels: float
    bpp: float
    compress: Cost
    decompress: Cost


@dataclass(frozen=True)
class Preview:
    """How good and how fast previews are.

    Attributes:
        scale: 1/2, 1/4 or 1/8.
        psnr: Against averages of the full image's pixels, in dB; mean of the images.
        time: Share of the time that decoding the full image takes.
    """

    scale: float
    psnr: float
    time: float


def write_mosaic(path: Path, pixels: int, sources: Sequence[Image.Image]) -> None:
    """Writes a mosaic as PPM, band by band, so that it is never in memory.

    Args:
        path: The file.
        pixels: About how many.
        sources: Images, which are cut to bands of 512 rows and laid side by side, in turns; generated ones if there are
            none.
    """
    width = max(1, round((pixels * _ASPECT) ** 0.5))
    height = max(1, round(pixels / width))
    cycle = itertools.cycle([_band(source) for source in sources or [generated_image(seed=seed) for seed in range(4)]])
    with path.open("wb") as stream:
        stream.write(f"P6\n{width} {height}\n255\n".encode())
        for top in range(0, height, _BAND):
            stream.write(_row(cycle, width)[: height - top].tobytes())


def measure_large(
    sizes: Sequence[float], sources: Sequence[Image.Image], quality: float, options: Sequence[str] = (), repeat: int = 3
) -> Iterator[LargeResult]:
    """Compresses and decompresses mosaics of several sizes, each in processes of their own.

    Args:
        sizes: Megapixels.
        sources: What the mosaics are made of.
        quality: 0 .. 100.
        options: More options of the command.
        repeat: How often images of less than four megapixels are measured; the medians count.

    Raises:
        CommandError: The command failed.
    """
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            count = repeat if size < 4 else 1
            warm_up, *images = [folder / f"{number}.ppm" for number in range(count + 1)]
            write_mosaic(warm_up, _WARM_UP_PIXELS, sources)
            for image in images:
                write_mosaic(image, round(size * 1e6), sources)
            packed = folder / "packed"
            files, peak = _run("compress", ["-q", f"{quality:g}", *options], [warm_up, *images], packed)
            megapixels = files[0]["width"] * files[0]["height"] / 1e6
            for image in images:
                image.unlink()
            compressed = Cost(median(file["seconds"] for file in files) / megapixels, peak)
            bpp = float(files[0]["bpp"])
            made = [packed / f"{path.stem}.cnc" for path in (warm_up, *images)]
            files, peak = _run("decompress", ["--format", "ppm", *options], made, folder / "back")
            decompressed = Cost(median(file["seconds"] for file in files) / megapixels, peak)
            yield LargeResult(megapixels, bpp, compressed, decompressed)


def tiling_overhead(megapixels: float, sources: Sequence[Image.Image], quality: float, options: Sequence[str]) -> float:
    """Returns how much larger a file is in tiles than as a whole, as a share.

    Args:
        megapixels: Of the image.
        sources: What it is made of.
        quality: 0 .. 100.
        options: More options of the command.

    Raises:
        CommandError: The command failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = folder / "image.ppm"
        write_mosaic(image, round(megapixels * 1e6), sources)
        sizes = []
        for tile in ("0", "auto"):
            arguments = ["-q", f"{quality:g}", "--tile", tile, *options]
            (file,), _ = _run("compress", arguments, [image], folder / tile, warm_up=False)
            sizes.append(file["output_bytes"])
    whole, tiled = sizes
    return float(tiled / whole - 1)


def measure_previews(codec: Codec, images: Sequence[Image.Image], quality: float) -> list[Preview]:
    """Compares previews with full images that are scaled down afterwards.

    Args:
        codec: The codec.
        images: 8-bit RGB, their sides multiples of 8, or what is left over is cut off.
        quality: 0 .. 100.
    """
    errors: dict[float, list[float]] = {scale: [] for scale in SCALES}
    seconds: dict[float, list[float]] = {scale: [] for scale in (1.0, *SCALES)}
    for image in images:
        width, height = (side // 8 * 8 for side in image.size)
        data = codec.compress(image.crop((0, 0, width, height)), quality, coding="learned")
        full = codec.decompress(data)
        for scale in seconds:
            start = time.perf_counter()
            small = codec.decompress(data, scale=scale)
            seconds[scale].append(time.perf_counter() - start)
            if scale in errors:
                expected = np.asarray(full.reduce(round(1 / scale)))
                errors[scale].append(psnr(expected, np.asarray(small)))
    return [Preview(scale, fmean(errors[scale]), median(seconds[scale]) / median(seconds[1.0])) for scale in SCALES]


def format_previews(previews: Sequence[Preview]) -> str:
    """Returns one line of text."""
    parts = [f"1/{1 / each.scale:.0f} {each.psnr:.1f} dB in {each.time:.2f} of the time" for each in previews]
    return f"previews against full images made as small: {', '.join(parts)}"


def format_large(result: LargeResult, smallest: LargeResult) -> str:
    """Returns one line of text, with ratios to the smallest size."""

    def cost(cost: Cost, reference: Cost) -> str:
        peak = "peak not known here" if cost.peak_mib is None else f"peak {cost.peak_mib:.0f} MiB"
        return f"{cost.seconds:.3f} s/MP ({cost.seconds / reference.seconds:.2f}x), {peak}"

    return (
        f"{result.megapixels:6.1f} MP, {result.bpp:.2f} bpp: compress {cost(result.compress, smallest.compress)}; "
        f"decompress {cost(result.decompress, smallest.decompress)}"
    )


def _band(source: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(source.convert("RGB"))[:_BAND]
    return np.pad(pixels, ((0, _BAND - pixels.shape[0]), (0, 0), (0, 0)), mode="symmetric")


def _row(bands: Iterator[NDArray[np.uint8]], width: int) -> NDArray[np.uint8]:
    parts: list[NDArray[np.uint8]] = []
    while sum(part.shape[1] for part in parts) < width:
        parts.append(next(bands))
    return np.concatenate(parts, axis=1)[:, :width]


def _run(
    command: str, options: Sequence[str], paths: Sequence[Path], folder: Path, *, warm_up: bool = True
) -> tuple[list[dict[str, Any]], float | None]:
    """Runs the command on files one after another; returns what it says of them, the first left out, and its peak."""
    log = folder.with_suffix(".json")
    outputs = ("--json-file", str(log), "-d", str(folder))
    run = watched([*CNNCOMPRESS, command, "--quiet", "-j", "1", *_LIMITS, *options, *outputs, *map(str, paths)])
    lines = map(json.loads, log.read_text(encoding="utf-8").splitlines())
    files = [line for line in lines if line["type"] == "file"]
    return files[1:] if warm_up else files, run.peak_mib
