"""What a photograph of two megapixels costs on one core: reading, coding and writing apart."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from cnncompress.batch.encode import Input, code
from cnncompress.batch.groups import finished
from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.resources import PixelBudget
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.evaluation.speed import generated_image
from cnncompress.files.inputs import read_input
from cnncompress.files.outputs import write_output
from cnncompress.images.read import read_image
from cnncompress.units import hundredths_of

TWO_MEGAPIXELS = (1632, 1224)
PHOTOGRAPHS = 10**9


@dataclass(frozen=True)
class Parts:
    """What a photograph of 2 MP costs on one core, in seconds.

    Attributes:
        reading: Reading the JPEG file and decoding it.
        coding: All between pixels and the bytes of the .cnc file.
        writing: Writing the file, synchronised to the disk.
        input_bytes: Size of the JPEG file.
        output_bytes: Size of the .cnc file.
    """

    reading: float
    coding: float
    writing: float
    input_bytes: int
    output_bytes: int


def measure_parts(
    folder: Path, sources: Sequence[Image.Image], quality: float, model: str | None, device: str, repeat: int = 3
) -> Parts:
    """Measures reading, coding and writing apart; medians over the photographs.

    Args:
        folder: Empty.
        sources: What the photographs are scaled from; generated pictures if there are none.
        quality: 0 .. 100.
        model: As for `cnncompress.Codec`.
        device: As for `cnncompress.Codec`.
        repeat: Number of photographs.
    """
    settings, budget = WorkSettings(quality=hundredths_of(quality)), PixelBudget()
    codecs = CodecCache(ModelSettings(model, device, 1))
    pictures = list(sources[:repeat]) or [generated_image(*TWO_MEGAPIXELS, seed=seed) for seed in range(repeat)]
    rows = []
    for number, picture in enumerate([pictures[0], *pictures]):  # the first one warms up
        path, target = folder / f"{number}.jpg", folder / f"{number}.cnc"
        ImageOps.fit(picture, TWO_MEGAPIXELS, Image.Resampling.LANCZOS).save(path, quality=90)
        start = time.process_time()  # of one thread; other work on the machine does not change it
        data = read_input(str(path))
        image = read_image(data, settings.image)
        read = time.process_time()
        coded = finished(code(Input(data, len(data), None), None, settings, codecs, budget))
        done = time.process_time()
        assert coded is not None
        begin = time.perf_counter()  # the disk is waited for
        write_output(str(target), coded.data, force=True)
        written = time.perf_counter() - begin
        reading = read - start
        rows.append((reading, done - read - reading, written, len(data), len(coded.data)))  # `code` reads it again
        del image
    reading, coding, writing, before, after = (statistics.median(column) for column in zip(*rows[1:], strict=True))
    return Parts(reading, coding, writing, int(before), int(after))


def format_parts(parts: Parts, price: float) -> str:
    """Returns times and costs, as lines of text.

    Args:
        parts: What a photograph costs.
        price: Of a core for an hour.
    """
    whole = parts.reading + parts.coding + parts.writing
    megapixels = TWO_MEGAPIXELS[0] * TWO_MEGAPIXELS[1] / 1e6
    hours = PHOTOGRAPHS * whole / 3600
    lines = [
        f"  a photograph of {megapixels:.1f} MP on one core: {1000 * whole:.0f} ms, {megapixels / whole:.2f} MP/s",
        *(
            f"    {name:8}{1000 * seconds:7.1f} ms  {100 * seconds / whole:4.1f} %"
            for name, seconds in (("reading", parts.reading), ("coding", parts.coding), ("writing", parts.writing))
        ),
        f"  {PHOTOGRAPHS:.0e} of them: {hours:,.0f} core hours, {hours * price:,.0f} at {price:g} a core hour; "
        f"{parts.input_bytes * PHOTOGRAPHS / 1e12:,.0f} TB in, {parts.output_bytes * PHOTOGRAPHS / 1e12:,.0f} TB out",
    ]
    return "\n".join(lines)
