"""Probability tables by class beside the scale level: ``python benchmarks/studies/table_classes.py CODED``.

CODED is what ``code_images.py`` wrote. Tables are counted on its training images, once per level and once per level and
class, and judged by the bits of its held-out images, hyper-latent included. Classes that group channels are found by
Lloyd's algorithm: each channel goes to the class whose tables code it best, and the tables are counted anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from code_images import QUALITIES, CodedImage, read_coded
from numpy.typing import NDArray

from cnncompress.entropy.parts import CUTS
from cnncompress.entropy.tables import MAX_RADIUS, TOTAL, build_tables, integer_weights, table_radius
from cnncompress.model.config import SCALE_LEVELS

Counts = NDArray[np.int64]
"""How often each magnitude occurred at each level: ``[64, 2048]``, behind any number of other axes."""
Bits = NDArray[np.float64]
"""What a symbol of each magnitude costs at each level, of the same shape."""

MAGNITUDES = MAX_RADIUS + 1
TRUST = 1000.0
"""How many symbols' worth of trust the tables per level get beside those counted for a class."""
LLOYD_ROUNDS = 8

Classes = Callable[[CodedImage], NDArray[np.int64]]
"""The class of each symbol of the latent: an array that broadcasts to ``[4, M, n]``."""


def count(image: CodedImage, classes: NDArray[np.int64], number: int) -> Counts:
    """Counts the latent's symbols of an image, ``[number, 64, 2048]``."""
    magnitudes = np.minimum(np.abs(image.y.astype(np.int64)), MAX_RADIUS)
    cells = (classes * SCALE_LEVELS + image.y_levels) * MAGNITUDES + magnitudes
    return np.bincount(cells.ravel(), minlength=number * SCALE_LEVELS * MAGNITUDES).reshape(number, SCALE_LEVELS, -1)


def count_hyper(image: CodedImage) -> Counts:
    """Counts the hyper-latent's symbols of an image, ``[64, 2048]``."""
    cells = image.z_levels.astype(np.int64) * MAGNITUDES + np.abs(image.z.astype(np.int64))
    return np.bincount(cells.ravel(), minlength=SCALE_LEVELS * MAGNITUDES).reshape(SCALE_LEVELS, -1)


def masses(counts: Counts) -> list[NDArray[np.float64]]:
    """Shares of the symbols ``-R .. R`` and of the escape in the tables per level that `build_tables` makes."""
    signed = np.concatenate([counts[:, :0:-1], counts], axis=1)
    signed[:, MAX_RADIUS] *= 2  # build_tables halves the sum of both signs, of which each magnitude has all here
    return [table / TOTAL for table in build_tables(signed).split()]


def table_bits(weights: NDArray[np.int32]) -> NDArray[np.float64]:
    """Bits of a symbol by its magnitude, ``[2048]``, escapes included."""
    radius = len(weights) // 2 - 1
    bits = np.full(MAGNITUDES, -np.log2(weights[-1] / TOTAL))
    bits[: radius + 1] = -np.log2(weights[radius:-1] / TOTAL)
    beyond = np.arange(radius + 1, MAGNITUDES)
    bits[radius + 1 :] += 2 * np.floor(np.log2(beyond - radius)) + 2
    return bits


def level_bits(counts: Counts) -> Bits:
    """Bits with the tables per level."""
    return np.stack([table_bits(integer_weights(mass)) for mass in masses(counts)])


def class_bits(counts: Counts, pooled: list[NDArray[np.float64]]) -> Bits:
    """Bits with tables of one class, ``[64, 2048]``."""
    rows = []
    for level in range(SCALE_LEVELS):
        radius = table_radius(level)
        inside = counts[level, : radius + 1] / 2.0
        inside[0] *= 2.0
        histogram = np.concatenate([inside[:0:-1], inside, [counts[level, radius + 1 :].sum()]])
        rows.append(table_bits(integer_weights(histogram + TRUST * pooled[level])))
    return np.stack(rows)


def lloyd(by_channel: Counts, classes: int, pooled: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Groups channels by the shape of their symbols.

    Args:
        by_channel: ``[C, 64, K]``, K magnitudes.
        classes: How many groups.
        pooled: Tables per level.

    Returns:
        The group of each channel, ``[C]``.
    """
    kept = by_channel.shape[2]
    reference = np.stack([table_bits(integer_weights(mass)) for mass in pooled])[:, :kept]
    # A start by how much heavier each channel's tails are than its levels' tables.
    heaviness = (by_channel * reference).sum((1, 2)) - _entropy(by_channel, reference)
    edges = np.quantile(heaviness, np.linspace(0, 1, classes + 1)[1:-1])
    groups = np.asarray(np.searchsorted(edges, heaviness), np.int64)
    for _ in range(LLOYD_ROUNDS):
        costs = []
        for group in range(classes):
            counts = np.zeros((SCALE_LEVELS, MAGNITUDES), np.int64)
            counts[:, :kept] = by_channel[groups == group].sum(0)
            bits = class_bits(counts, pooled)[:, :kept]
            costs.append((by_channel * bits).sum((1, 2)))
        groups = np.asarray(np.argmin(costs, axis=0), np.int64)
    return groups


def _entropy(by_channel: Counts, reference: Bits) -> NDArray[np.float64]:
    """Bits that the symbols would cost if they were distributed as their levels say."""
    probability = 2.0**-reference
    probability[:, 1:] *= 2.0  # both signs
    expected = (probability * reference).sum(1) / probability.sum(1)
    bits: NDArray[np.float64] = (by_channel.sum(2) * expected).sum(1)
    return bits


def piece(image: CodedImage) -> NDArray[np.int64]:
    """0 .. 3: the four pieces of a step, by falling variance of the channels (as of one band)."""
    channels = image.y.shape[1]
    edges = [round(cut * channels) for cut in CUTS]
    return np.searchsorted(edges, np.arange(channels), side="right")[:, None]


def step(image: CodedImage) -> NDArray[np.int64]:
    """0 .. 3: the step of the spatial context."""
    return np.broadcast_to(np.arange(4)[:, None, None], image.y.shape)


def moved(image: CodedImage) -> NDArray[np.int64]:
    """0 .. 2: whether the scale context made the level smaller by two or more, about kept it, or made it larger."""
    change = image.y_levels.astype(np.int64) - image.first_levels
    return np.asarray(np.digitize(change, [-1, 2]), np.int64)


def quality_third(image: CodedImage) -> NDArray[np.int64]:
    """0 .. 2: low, middle or high quality."""
    return np.full((1, 1, 1), min(2, int(image.quality // 33.4)))


def _group_of_channel(groups: NDArray[np.int64], image: CodedImage) -> NDArray[np.int64]:
    return groups


def rate_changes(held_out: list[CodedImage], reference: Bits, hyper: Bits, bits: Bits, classes: Classes) -> list[float]:
    """Changes of the rate in per cent at each of `QUALITIES`, and last their mean."""
    changes = []
    for quality in QUALITIES:
        images = [image for image in held_out if image.quality == quality]
        z = sum((count_hyper(image) * (hyper - reference)).sum() for image in images)
        own = sum((count(image, classes(image), len(bits)) * bits).sum() for image in images)
        zeros = np.zeros((1, 1, 1), np.int64)
        before = sum((count(i, zeros, 1)[0] * reference).sum() + (count_hyper(i) * reference).sum() for i in images)
        y_before = sum((count(image, zeros, 1)[0] * reference).sum() for image in images)
        changes.append(100 * (own - y_before + z) / before)
    return [*changes, float(np.mean(changes))]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("coded", type=click.Path(path_type=Path, exists=True))
def main(coded: Path) -> None:
    """Judge classes of tables on the images in the folder CODED."""
    counted, held_out = read_coded(coded / "counted"), read_coded(coded / "held-out")
    zeros = np.zeros((1, 1, 1), np.int64)
    y_counts = np.sum([count(image, zeros, 1)[0] for image in counted], axis=0)
    z_counts = np.sum([count_hyper(image) for image in counted], axis=0)
    pooled = masses(y_counts + z_counts)
    reference = np.stack([table_bits(integer_weights(mass)) for mass in pooled])
    channels = counted[0].y.shape[1]
    kept = 128
    by_channel = np.zeros((channels, SCALE_LEVELS, kept), np.int64)
    for image in counted:
        index = np.arange(channels)[:, None] + zeros
        cells = (index * SCALE_LEVELS + image.y_levels) * kept + np.minimum(np.abs(image.y.astype(np.int64)), kept - 1)
        by_channel += np.bincount(cells.ravel(), minlength=by_channel.size).reshape(by_channel.shape)

    print("| classes | tables | " + " | ".join(map(str, QUALITIES)) + " | mean |")
    print("| --- " * (len(QUALITIES) + 3) + "|")

    def row(name: str, classes: Classes, number: int, hyper: Bits = reference) -> None:
        totals = np.sum([count(image, classes(image), number) for image in counted], axis=0)
        bits = np.stack([class_bits(counts, pooled) for counts in totals])
        changes = rate_changes(held_out, reference, hyper, bits, classes)
        tables = SCALE_LEVELS * (number + (hyper is not reference))
        print(f"| {name} | {tables} | " + " | ".join(f"{change:+.2f} %" for change in changes) + " |", flush=True)

    row("y and z apart", lambda image: zeros, 1, class_bits(z_counts, pooled))
    row("piece of the coding step", piece, 4)
    row("step of the spatial context", step, 4)
    row("piece and step", lambda image: 4 * step(image) + piece(image), 16)
    row("level moved by the scale context", moved, 3)
    row("quality", quality_third, 3)
    for number in (2, 3):
        groups = lloyd(by_channel, number, pooled)
        row("shape of the channel", partial(_group_of_channel, groups[:, None]), number)


if __name__ == "__main__":
    main()
