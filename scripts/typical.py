"""Writes what a model makes of photographs into its manifest entry: ``typical.py base docs/results/kodak.json``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import click

from cnncompress.errors import CnncompressError, ResultsError
from cnncompress.evaluation.curves import mean_value, rows_by_quality
from cnncompress.evaluation.metrics import METRICS
from cnncompress.evaluation.results import read_results
from cnncompress.model.manifest import Entry, Typical, models_directory, read_manifest, write_manifest


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("name")
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--codec", default="cnc", help="The model's name in RESULTS.")
@click.option("--directory", default=models_directory(), type=click.Path(path_type=Path), help="Folder of the models.")
def main(name: str, results: Path, codec: str, directory: Path) -> None:
    """Set the typical figures of the model NAME to the means of RESULTS, a JSON file of "cnncompress eval"."""
    try:
        manifest = read_manifest(directory)
        entry = manifest.by_name(name)
        if entry is None:
            sys.exit(f"typical: {directory} has no model {name}")
        typical = measured(entry, results, codec)
        entries = tuple(replace(each, typical=typical) if each is entry else each for each in manifest.entries)
        write_manifest(replace(manifest, entries=entries))
    except (CnncompressError, ValueError) as error:
        sys.exit(f"typical: {error}")
    for quality, bpp, psnr in zip(typical.qualities, typical.bpp, typical.psnr, strict=True):
        click.echo(f"quality {quality:3.0f}: {bpp:.4f} bpp, {psnr:.2f} dB")


def measured(entry: Entry, results: Path, codec: str) -> Typical:
    """Takes the means of rate and PSNR at each quality from results.

    Args:
        entry: The model, which the results must be of.
        results: Path of the JSON file.
        codec: Which of its codecs is the model.

    Raises:
        ResultsError: The results are of other weights, do not say of which, have no PSNR, or cannot be read.
        ValueError: The means do not rise with the quality.
    """
    found = read_results(results).codec(codec)
    if found.fingerprint != entry.fingerprint:
        weights = "weights that it does not name" if found.fingerprint is None else f"the weights {found.fingerprint}"
        raise ResultsError(f"{results}: {codec} was measured with {weights}, expected {entry.fingerprint}")
    psnr = next(metric for metric in METRICS if metric.name == "psnr")
    points = []
    for quality, rows in sorted(rows_by_quality(found).items()):
        if (decibels := mean_value(rows, psnr)) is None:
            raise ResultsError(f"{results}: {codec} has no mean PSNR at quality {quality:g}")
        points.append((float(quality), round(fmean(row.bpp for row in rows), 4), round(decibels, 2)))
    qualities, rates, levels = zip(*points, strict=True)
    return Typical(qualities, rates, levels)


if __name__ == "__main__":
    main()
