"""Levels of effort: rate against level 0, and encode time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cnncompress.api import MAX_EFFORT
from cnncompress.errors import CnncompressError
from cnncompress.evaluation.bdrate import CurveError, bd_rate, bd_rate_per_image
from cnncompress.evaluation.curves import image_curves, mean_curve
from cnncompress.evaluation.environment import current_environment
from cnncompress.evaluation.metrics import PSNR, Scorer
from cnncompress.evaluation.peers import CncCodec
from cnncompress.evaluation.rd import measure
from cnncompress.evaluation.results import CodecResults, Measurement, Results
from cnncompress.evaluation.sources import image_name, load_rgb

QUALITIES = (10.0, 35.0, 60.0, 85.0)
"""Four points make a BD-rate; each level takes all of them."""

_NAME = "cnc-e"


class LevelsError(CnncompressError):
    """Levels that cannot be compared."""


@dataclass(frozen=True)
class LevelGain:
    """One level against level 0.

    Attributes:
        level: 0 .. 9.
        bd_rate: Of the mean curves, in per cent; negative is smaller. None if the curves have no PSNR in common.
        per_image: Mean of the images' BD-rates, in per cent; None likewise.
        seconds_per_megapixel: Encode time over all images and qualities.
        ratio: That time in times of level 0.
    """

    level: int
    bd_rate: float | None
    per_image: float | None
    seconds_per_megapixel: float
    ratio: float


def parse_levels(text: str) -> tuple[int, ...]:
    """Reads levels with commas between them; level 0, which all are compared with, is always there and first.

    Raises:
        LevelsError: One of them is no level.
    """
    names = text.split(",")
    if not all(name.isdecimal() and int(name) <= MAX_EFFORT for name in names):
        raise LevelsError(f"levels are 0 .. {MAX_EFFORT} with commas between them, not {text!r}")
    return tuple(sorted({0, *map(int, names)}))


def measure_levels(
    images: Sequence[Path],
    levels: Sequence[int],
    qualities: Sequence[float] = QUALITIES,
    *,
    model: str | None = None,
    device: str = "auto",
    progress: Callable[[], object] = lambda: None,
) -> Iterator[Results]:
    """Codes every image at every quality with all levels in turn, so that load on the machine affects all alike.

    Args:
        images: Image files.
        levels: 0 .. 9 each.
        qualities: At least two.
        model: Name or path; None for the default.
        device: As for `cnncompress.Codec`.
        progress: Called after each file.

    Yields:
        After each image, the results so far, of codecs named ``cnc-e`` and the level.

    Raises:
        ImageError: An image cannot be read.
    """
    ascending = tuple(sorted(qualities))
    codecs = [CncCodec(model, device, ascending, name=f"{_NAME}{level}", effort=level) for level in levels]
    for codec in codecs:  # loading weights and libraries is not counted
        codec.decode(codec.encode(Image.new("RGB", (64, 64)), ascending[0]))
    scorer = Scorer([PSNR])
    rows: dict[str, list[Measurement]] = {codec.name: [] for codec in codecs}
    for path in images:
        image = load_rgb(path)
        for quality in ascending:
            for codec in codecs:
                rows[codec.name].append(measure(codec, image_name(path), image, quality, scorer))
                progress()
        environment = current_environment()
        yield Results(
            tuple(
                CodecResults(
                    codec.name,
                    codec.settings,
                    environment,
                    tuple(sorted(rows[codec.name], key=lambda row: (row.image, row.quality))),
                )
                for codec in codecs
            )
        )


def level_gains(results: Results) -> tuple[LevelGain, ...]:
    """Compares what `measure_levels` measured with level 0.

    Raises:
        LevelsError: There is no level 0, or something else than levels.
    """
    names = [codec.codec for codec in results.codecs]
    if f"{_NAME}0" not in names or not all(name.removeprefix(_NAME).isdecimal() for name in names):
        raise LevelsError(f"these are no levels of effort with level 0 among them: {', '.join(names)}")
    anchor = results.codecs[names.index(f"{_NAME}0")]
    return tuple(_gain(codec, anchor) for codec in results.codecs)


def format_levels(gains: Sequence[LevelGain]) -> str:
    """Returns a table in Markdown."""
    lines = [
        "| level | BD-rate of the mean curves | mean of the images' BD-rates | s/MP | times level 0 |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for gain in gains:
        of_means, per_image = (
            "no common PSNR" if percent is None else f"{percent:+.2f} %" for percent in (gain.bd_rate, gain.per_image)
        )
        lines.append(
            f"| {gain.level} | {of_means} | {per_image} | {gain.seconds_per_megapixel:.2f} | {gain.ratio:.1f} |"
        )
    return "\n".join(lines)


def _gain(codec: CodecResults, anchor: CodecResults) -> LevelGain:
    seconds = _seconds_per_megapixel(codec)
    try:
        of_means = bd_rate(mean_curve(codec, PSNR), mean_curve(anchor, PSNR))
    except CurveError:
        of_means = None
    per_image = bd_rate_per_image(image_curves(codec, PSNR), image_curves(anchor, PSNR)).percent
    level = int(codec.codec.removeprefix(_NAME))
    return LevelGain(level, of_means, per_image, seconds, seconds / _seconds_per_megapixel(anchor))


def _seconds_per_megapixel(codec: CodecResults) -> float:
    return sum(row.encode_seconds for row in codec.rows) / sum(1e-6 * row.width * row.height for row in codec.rows)
