"""Loss against training time: ``python benchmarks/studies/plot_scaling.py REPORT.json... -o scaling.svg``.

REPORTs are what ``ablate.py`` wrote for several ``--minutes``: ``NAME-MINUTES.json``. Loss: geometric mean over the
anchor qualities, relative to the first report's. The power laws through each network's runs are printed at ``--at``;
a network with a single run has none, but shows how far they hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import geometric_mean

import click
import numpy as np
from matplotlib.ticker import ScalarFormatter
from run_report import RunReport, read_report

from cnncompress.cli.exit_codes import exit_codes
from cnncompress.evaluation.plot import COLOURS, figure_file


@dataclass(frozen=True)
class ScalingCurve:
    """Runs of one network that differ in their training time alone.

    Attributes:
        name: The network's name.
        parameters: Number of trained parameters.
        minutes: Training times of the runs, rising.
        loss: Loss of each run, relative to one run that is common to all curves.
    """

    name: str
    parameters: int
    minutes: tuple[float, ...]
    loss: tuple[float, ...]

    @property
    def has_power_law(self) -> bool:
        """Whether there are enough runs, two, to fit one."""
        return len(self.minutes) > 1

    def power_law(self) -> tuple[float, float]:
        """Fits ``loss = factor * minutes ** exponent`` by least squares of the logarithms.

        A straight line in the logarithms has no floor, so it is far too optimistic long after the last run (Hoffmann
        et al., "Training Compute-Optimal Large Language Models", 2022, section 3, fit a floor as well, to hundreds of
        runs).

        Returns:
            Factor and exponent.

        Raises:
            ValueError: There is a single run.
        """
        if not self.has_power_law:
            raise ValueError(f"{self.name}: a power law needs runs of two lengths")
        exponent, intercept = np.polyfit(np.log(self.minutes), np.log(self.loss), 1)
        return math.exp(intercept), float(exponent)

    def at(self, minutes: float) -> float:
        """Returns the loss that the power law expects after some minutes."""
        factor, exponent = self.power_law()
        return factor * math.pow(minutes, exponent)


def crossing(one: ScalingCurve, other: ScalingCurve) -> float | None:
    """Returns the minutes after which the power laws of two networks meet; None where they are parallel."""
    (factor, exponent), (other_factor, other_exponent) = one.power_law(), other.power_law()
    if math.isclose(exponent, other_exponent):
        return None
    return math.exp(math.log(other_factor / factor) / (exponent - other_exponent))


def scaling_curves(paths: Sequence[Path]) -> list[ScalingCurve]:
    """Reads reports and groups them by the names of their networks.

    Raises:
        CnncompressError: A file is no report.
    """
    networks: dict[str, list[RunReport]] = {}
    for path in paths:
        networks.setdefault(path.stem.rpartition("-")[0], []).append(read_report(path))
    reference = next(iter(networks.values()))[0].validation.loss
    curves = []
    for name, runs in networks.items():
        runs.sort(key=lambda run: run.minutes)
        ratios = [zip(run.validation.loss, reference, strict=True) for run in runs]
        losses = tuple(geometric_mean(own / other for own, other in ratio) for ratio in ratios)
        curves.append(ScalingCurve(name, runs[0].parameters, tuple(run.minutes for run in runs), losses))
    return curves


def plot_scaling(curves: Sequence[ScalingCurve], path: Path, *, until: float) -> None:
    """Draws loss over minutes of training, both logarithmic, with the power laws dashed where there is one.

    Args:
        curves: At least one.
        path: SVG or PNG to write, by its ending.
        until: Minutes to which the power laws are drawn.

    Raises:
        OutputError: Another ending, or the file cannot be written.
    """
    with figure_file(path, height=4.2) as figure:
        axes = figure.add_subplot()
        for index, curve in enumerate(curves):
            colour = COLOURS[index % len(COLOURS)]
            label = f"{curve.name}, {curve.parameters / 1e6:.1f} M"
            axes.loglog(curve.minutes, curve.loss, label=label, color=colour, marker="o", markersize=4.5)
            if curve.has_power_law:
                ends = (curve.minutes[-1], until)
                axes.loglog(ends, [curve.at(minutes) for minutes in ends], color=colour, linestyle="--", linewidth=1.2)
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(ScalarFormatter())
        axes.set_xlabel("minutes of training")
        axes.set_ylabel("loss")
        axes.legend(frameon=False)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="SVG or PNG to write.")
@click.option(
    "--at", "further", multiple=True, type=click.FloatRange(min=0, min_open=True), help="Minutes; repeatable."
)
def main(reports: tuple[Path, ...], output: Path, further: tuple[float, ...]) -> None:
    """Plot the losses of REPORTS."""
    with exit_codes():
        curves = scaling_curves(reports)
        columns = [f"{minutes:g}" for minutes in further]
        print("| " + " | ".join(["network", "parameters, M", "minutes: loss", "exponent", *columns]) + " |")
        print("| --- " * (4 + len(further)) + "|")
        for curve in curves:
            measured = ", ".join(f"{m:.1f}: {loss:.4f}" for m, loss in zip(curve.minutes, curve.loss, strict=True))
            cells = [curve.name, f"{curve.parameters / 1e6:.2f}", measured]
            if curve.has_power_law:
                cells += [f"{curve.power_law()[1]:+.4f}", *(f"{curve.at(minutes):.4f}" for minutes in further)]
            else:
                cells += [""] * (1 + len(further))
            print("| " + " | ".join(cells) + " |")
        for one, other in pairwise(curve for curve in curves if curve.has_power_law):
            minutes = crossing(one, other)
            meet = "are parallel" if minutes is None else f"meet after {minutes:.3g} minutes"
            print(f"{one.name} and {other.name} {meet}")
        plot_scaling(curves, output, until=max([*further, *(curve.minutes[-1] for curve in curves)]))


if __name__ == "__main__":
    main()
