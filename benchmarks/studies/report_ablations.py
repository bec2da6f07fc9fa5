"""Prints what training runs reached against the first of them: ``report_ablations.py REPORT.json...``.

Loss: mean over the anchor qualities of the rate-distortion loss, relative to the first run's. BD-rate: of the mean
curves over the anchor qualities, estimated bits with real rounding.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

import click
from run_report import RunReport, read_report

from cnncompress.errors import CnncompressError
from cnncompress.evaluation.bdrate import CurveError, NoOverlapError, bd_rate
from cnncompress.evaluation.curves import Curve
from cnncompress.evaluation.metrics import PSNR


def curve(name: str, report: RunReport) -> Curve:
    """The run's RD curve on the held-out images."""
    return Curve(name, PSNR, report.validation.bpp, report.validation.psnr)


def relative_rate(test: Curve, anchor: Curve) -> str:
    """The BD-rate as it stands in the table; a network far worse than the anchor may have none."""
    try:
        return f"{bd_rate(test, anchor):+.2f} %"
    except NoOverlapError:
        return "no PSNR in common"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(reports: tuple[Path, ...]) -> None:
    """Compare REPORTS of training runs with the first."""
    try:
        runs = [(path.stem, read_report(path)) for path in reports]
        base_name, base = runs[0]
        print("| run | settings | parameters | steps | loss | BD-rate |\n| --- | --- | --- | --- | --- | --- |")
        for name, run in runs:
            losses = zip(run.validation.loss, base.validation.loss, strict=True)
            loss = 100 * (fmean(own / other for own, other in losses) - 1)
            rate = relative_rate(curve(name, run), curve(base_name, base))
            settings = " ".join(f"`{setting}`" for setting in run.settings)
            print(f"| {name} | {settings} | {run.parameters / 1e6:.2f} M | {run.steps} | {loss:+.2f} % | {rate} |")
    except (CnncompressError, CurveError) as error:
        sys.exit(f"report_ablations: {error}")


if __name__ == "__main__":
    main()
