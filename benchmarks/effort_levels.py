"""Levels of effort: rate against level 0, and encode time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from cnncompress.codec.refinement.levels import MAX_EFFORT
from cnncompress.errors import CnncompressError
from cnncompress.evaluation.bdrate import CurveError, bd_rate
from cnncompress.evaluation.cnc_codec import CncCodec, CncSettings
from cnncompress.evaluation.curves import mean_curve
from cnncompress.evaluation.environment import current_environment
from cnncompress.evaluation.metrics import PSNR, SSIMULACRA2, Metric, Scorer
from cnncompress.evaluation.rd import measure
from cnncompress.evaluation.results import CodecResults, Measurement, Results
from cnncompress.evaluation.sources import image_name, load_rgb

QUALITIES = (10.0, 35.0, 60.0, 85.0)
"""Four points make a BD-rate; each level takes all of them."""

METRICS = (PSNR, SSIMULACRA2)
"""What a model is trained for, and what it is not."""

_NAME = "cnc-e"


class LevelsError(CnncompressError):
    """Levels that cannot be compared."""


@dataclass(frozen=True)
class LevelGain:
    """One level against level 0.

    Attributes:
        level: 0 .. 9.
        bd_rates: Of the mean curves by each of `METRICS`, in per cent; negative is smaller. None if the curves have no
            quality in common.
        seconds_per_megapixel: Encode time over all images and qualities.
        ratio: That time in times of level 0.
    """

    level: int
    bd_rates: tuple[float | None, ...]
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
    base = CncSettings(model, device, ascending)
    codecs = [CncCodec(replace(base, label=f"{_NAME}{level}", effort=level)) for level in levels]
    for codec in codecs:  # loading weights and libraries is not counted
        codec.decode(codec.encode(Image.new("RGB", (64, 64)), ascending[0]))
    scorer = Scorer(METRICS)
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
                    codec.fingerprint,
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
        f"| level | {' | '.join(metric.title for metric in METRICS)} | s/MP | times level 0 |",
        "| ---: |" + " ---: |" * (len(METRICS) + 2),
    ]
    for gain in gains:
        rates = " | ".join("nothing in common" if rate is None else f"{rate:+.2f} %" for rate in gain.bd_rates)
        lines.append(f"| {gain.level} | {rates} | {gain.seconds_per_megapixel:.2f} | {gain.ratio:.1f} |")
    return "\n".join(lines)


def _gain(codec: CodecResults, anchor: CodecResults) -> LevelGain:
    seconds = _seconds_per_megapixel(codec)
    level = int(codec.codec.removeprefix(_NAME))
    rates = tuple(_rate(codec, anchor, metric) for metric in METRICS)
    return LevelGain(level, rates, seconds, seconds / _seconds_per_megapixel(anchor))


def _rate(codec: CodecResults, anchor: CodecResults, metric: Metric) -> float | None:
    try:
        return bd_rate(mean_curve(codec, metric), mean_curve(anchor, metric))
    except CurveError:
        return None


def _seconds_per_megapixel(codec: CodecResults) -> float:
    return sum(row.encode_seconds for row in codec.rows) / sum(1e-6 * row.width * row.height for row in codec.rows)
