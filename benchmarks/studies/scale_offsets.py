"""Offsets of the scale levels for one image: ``python benchmarks/studies/scale_offsets.py CODED``.

CODED is what ``code_images.py`` wrote. All levels of a part of the coding order are raised or lowered by the same
number of eighths of a nat. Either the encoder chooses the numbers and writes them, or both sides choose, before each
part, what would have been best for the parts before it. Exact costs: integers select the tables here as well.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from code_images import QUALITIES, CodedImage, read_coded
from numpy.typing import NDArray
from table_classes import MAGNITUDES, count_hyper, level_bits

from cnncompress.entropy.parts import CUTS
from cnncompress.entropy.tables import MAX_RADIUS
from cnncompress.model.config import SCALE_LEVELS

OFFSETS = np.arange(-8, 8)
"""What four bits can say, in eighths of a nat."""
NONE = int(np.flatnonzero(OFFSETS == 0)[0])
PARTS_OF_A_STEP = 4

Costs = NDArray[np.float64]
"""Bits of each part with each of `OFFSETS`, ``[16, 16]``."""


def count_parts(image: CodedImage) -> NDArray[np.int64]:
    """Counts magnitudes by part and level, ``[16, 64, 2048]``."""
    steps, channels, _ = image.y.shape
    group = np.searchsorted([round(cut * channels) for cut in CUTS], np.arange(channels), side="right")
    parts = PARTS_OF_A_STEP * np.arange(steps)[:, None, None] + group[:, None]
    magnitudes = np.minimum(np.abs(image.y.astype(np.int32)), MAX_RADIUS)
    cells = (parts * SCALE_LEVELS + image.y_levels) * MAGNITUDES + magnitudes
    number = steps * PARTS_OF_A_STEP
    counts = np.bincount(cells.ravel(), minlength=number * SCALE_LEVELS * MAGNITUDES)
    return counts.reshape(number, SCALE_LEVELS, MAGNITUDES)


def part_costs(counts: NDArray[np.int64], bits: NDArray[np.float64]) -> Costs:
    """Bits of each part with each offset."""
    levels = np.arange(SCALE_LEVELS)
    shifted = [bits[np.clip(levels + offset, 0, SCALE_LEVELS - 1)] for offset in OFFSETS]
    return np.stack([np.einsum("plm,lm->p", counts, table) for table in shifted], axis=1)


def written(costs: Costs, groups: list[list[int]]) -> tuple[float, float]:
    """Bits saved by one written offset for each group of parts, and bits that the offsets take."""
    saved = sum((costs[group, NONE] - costs[group].sum(0).min() / len(group)).sum() for group in groups)
    return float(saved), 8.0 * np.ceil(len(groups) / 2)


def adapted(costs: Costs, weight_of_others: float, inertia: float, reach: int) -> float:
    """Bits saved by offsets that follow from the parts before.

    Args:
        costs: Bits of each part with each offset.
        weight_of_others: Of the parts before, how much those of other channels count.
        inertia: Bits that each eighth of a nat must save.
        reach: Largest offset.
    """
    allowed = np.abs(OFFSETS) <= reach
    saved = 0.0
    for part in range(1, len(costs)):
        same = np.arange(part) % PARTS_OF_A_STEP == part % PARTS_OF_A_STEP
        past = (costs[:part] * np.where(same, 1.0, weight_of_others)[:, None]).sum(0) + inertia * np.abs(OFFSETS)
        best = np.flatnonzero(allowed)[np.argmin(past[allowed])]
        saved += costs[part, NONE] - costs[part, best]
    return float(saved)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("coded", type=click.Path(path_type=Path, exists=True))
def main(coded: Path) -> None:
    """Judge offsets on the images in the folder CODED."""
    y_counts = np.zeros((SCALE_LEVELS, MAGNITUDES), np.int64)
    for image in read_coded(coded / "counted"):
        y_counts += count_parts(image).sum(0) + count_hyper(image)
    bits = level_bits(y_counts)
    parts = list(range(16))
    one = [parts]
    four = [parts[group::PARTS_OF_A_STEP] for group in range(PARTS_OF_A_STEP)]
    sixteen = [[part] for part in parts]
    print("| images | offsets | " + " | ".join(map(str, QUALITIES)) + " | mean |")
    print("| --- " * (len(QUALITIES) + 3) + "|")
    for folder in ("held-out", "screens"):
        rows: dict[str, list[float]] = {}
        for quality in QUALITIES:
            images = [image for image in read_coded(coded / folder) if image.quality == quality]
            costs = [part_costs(count_parts(image), bits) for image in images]
            total = sum(c[:, NONE].sum() for c in costs) + sum((count_hyper(i) * bits).sum() for i in images)
            for name, groups in (("one, 1 byte", one), ("four, 2 bytes", four), ("sixteen, 8 bytes", sixteen)):
                net = sum(saved - side for saved, side in (written(c, groups) for c in costs))
                free = sum(written(c, groups)[0] for c in costs)
                rows.setdefault(f"written, {name}", []).append(-100 * net / total)
                rows.setdefault(f"written, {name}, not counted", []).append(-100 * free / total)
            for others in (0.0, 0.2, 1.0):
                for inertia in (4.0, 16.0):
                    saved = sum(adapted(c, others, inertia, 4) for c in costs)
                    name = f"adapted, others {others:g}, inertia {inertia:g} bits"
                    rows.setdefault(name, []).append(-100 * saved / total)
        for name, changes in rows.items():
            cells = [f"{change:+.2f} %" for change in [*changes, float(np.mean(changes))]]
            print(f"| {folder} | {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
