"""Loss against training time: ``python scripts/plot_scaling.py REPORT.json... -o scaling.svg``.

REPORTs are what ``ablate.py`` wrote for several ``--minutes``: ``NAME-MINUTES.json``. Loss: geometric mean over the
anchor qualities, relative to the first report's. The power laws through each network's runs are printed at ``--at``;
a network with a single run has none, but shows how far they hold.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from statistics import geometric_mean

import click

from cnncompress.errors import CnncompressError
from cnncompress.evaluation.benchmarks.training_time import ScalingCurve, crossing
from cnncompress.evaluation.plot import plot_scaling
from cnncompress.training.run_report import RunReport, read_report


def scaling_curves(paths: tuple[Path, ...]) -> list[ScalingCurve]:
    """Reports grouped by what their names begin with; raises `CnncompressError` for what is no report."""
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


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="SVG or PNG to write.")
@click.option(
    "--at", "further", multiple=True, type=click.FloatRange(min=0, min_open=True), help="Minutes; repeatable."
)
def main(reports: tuple[Path, ...], output: Path, further: tuple[float, ...]) -> None:
    """Plot the losses of REPORTS."""
    try:
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
    except CnncompressError as error:
        click.echo(f"plot_scaling: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
