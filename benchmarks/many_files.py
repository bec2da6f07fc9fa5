"""Many photographs in one run of the command, against the same files one after another, and in a process each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from command_runs import CNNCOMPRESS, CommandError, timed
from PIL import Image, ImageOps

from cnncompress.evaluation.speed import generated_image

SMALLEST_PIXELS, LARGEST_PIXELS = 400_000, 2_000_000
_ASPECTS = (3 / 2, 2 / 3, 4 / 3, 1.0, 16 / 9)


@dataclass(frozen=True)
class BatchTimes:
    """How long a set of images takes, start of the programs included.

    Attributes:
        images: How many.
        megapixels: All of them together.
        together: Seconds in one run, as many images at the same time as there are threads.
        one_by_one: Seconds in one process, one image after the other, each with all threads.
        serial: Seconds in one process, one image after the other, with one thread.
        apart: Seconds in a process for each image, one after the other, each with all threads.
    """

    images: int
    megapixels: float
    together: float
    one_by_one: float
    serial: float
    apart: float


def make_photographs(
    folder: Path,
    count: int,
    sources: Sequence[Image.Image],
    *,
    smallest: int = SMALLEST_PIXELS,
    largest: int = LARGEST_PIXELS,
) -> list[Path]:
    """Writes images of mixed sizes and shapes, PNG and JPEG in turns.

    Args:
        folder: Where to; it is there.
        count: How many.
        sources: What they are cut out of and scaled from, in turns; generated pictures if there are none.
        smallest: Pixels of the smallest.
        largest: Pixels of the largest; the others are spread evenly, in ratio, and not in the order of their names.
    """
    places = [number / max(1, count - 1) for number in range(count)]
    random.Random(0).shuffle(places)
    paths: list[Path] = []
    for number, place in enumerate(places):
        pixels = smallest * (largest / smallest) ** place
        aspect = _ASPECTS[number % len(_ASPECTS)]
        size = round((pixels * aspect) ** 0.5), round((pixels / aspect) ** 0.5)
        if sources:
            image = ImageOps.fit(sources[number % len(sources)], size, Image.Resampling.LANCZOS)
        else:
            image = generated_image(*size, seed=number)
        paths.append(folder / (f"{number:03}.png" if number % 2 else f"{number:03}.jpg"))
        image.save(paths[-1], quality=95)  # which PNG has no use for
    return paths


def make_crops(folder: Path, count: int, side: int, sources: Sequence[Image.Image]) -> None:
    """Writes square PNGs that are cut out of images at places that are always the same.

    Args:
        folder: Where to; it is there.
        count: How many.
        side: Their width and height in pixels.
        sources: What they are cut out of, in turns; generated pictures if none is large enough.
    """
    places = random.Random(0)
    sources = [source for source in sources if min(source.size) >= side] or [
        generated_image(3 * side, 2 * side, seed=seed) for seed in range(8)
    ]
    for number in range(count):
        source = sources[number % len(sources)]
        left, top = (places.randint(0, length - side) for length in source.size)
        crop = source.crop((left, top, left + side, top + side))
        crop.save(folder / f"{number:05}.png", compress_level=1)


def megapixels(paths: Sequence[Path]) -> float:
    """Returns the sum of the images' pixels in millions."""
    pixels = 0
    for path in paths:
        with Image.open(path) as image:
            pixels += image.width * image.height
    return pixels / 1e6


def measure_batch(paths: Sequence[Path], folder: Path, threads: int, options: Sequence[str] = ()) -> BatchTimes:
    """Compresses the images in four ways, which must all make the same files.

    Args:
        paths: The images, all in one folder.
        folder: Empty; for the files.
        threads: CPU threads in all, for each of the ways but the serial one.
        options: More options of the command.

    Raises:
        CommandError: The command failed, or the files are not the same.
    """
    names = list(map(str, paths))
    number = str(threads)
    together = _seconds("-T", number, *options, "-d", str(folder / "together"), *names)
    one_by_one = _seconds("-j", "1", "-T", number, *options, "-d", str(folder / "one-by-one"), *names)
    serial = _seconds("-j", "1", "-T", "1", *options, "-d", str(folder / "serial"), *names)
    apart = sum(_seconds("-T", number, *options, "-d", str(folder / "apart"), name) for name in names)
    for path in paths:
        made = {(way / f"{path.stem}.cnc").read_bytes() for way in folder.iterdir()}
        if len(made) > 1:
            raise CommandError(f"{path.name} has become different files")
    return BatchTimes(len(paths), megapixels(paths), together, one_by_one, serial, apart)


def format_batch(times: BatchTimes) -> str:
    """Returns speeds and ratios, as lines of text."""
    lines = [f"{times.images} images, {times.megapixels:.1f} MP"]
    for name, seconds in (
        ("one run", times.together),
        ("one after another", times.one_by_one),
        ("the same, one thread", times.serial),
        ("a process for each", times.apart),
    ):
        speed = f"{times.images / seconds:.2f} images/s, {times.megapixels / seconds:.2f} MP/s"
        ratio = "" if seconds == times.together else f"  (one run is {seconds / times.together:.2f}x as fast)"
        lines.append(f"  {name:22}{seconds:8.1f} s  {speed}{ratio}")
    return "\n".join(lines)


def _seconds(*arguments: str) -> float:
    return timed([*CNNCOMPRESS, "compress", "--quiet", *arguments]).seconds
