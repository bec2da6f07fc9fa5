"""Compares training runs that differ in single settings: ``python scripts/ablate.py ROWS.toml IMAGES... -o FOLDER``.

ROWS.toml lists the runs as ``[[row]]`` tables with a ``name`` and ``set``, an array of ``key=value`` as ``--set`` of
train.py takes them. Every run gets the same minutes of CPU time on one thread, so other work on the machine does not
count. Finished rows are skipped: the same command goes on where it was stopped.

``--minutes`` more than once trains each row to all of these budgets, for ``scripts/plot_scaling.py``. The runs share
what they have in common, the steps at a constant rate: one run makes all of those, and each budget finishes a copy.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from cnncompress.training.config import load_config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TRAIN = Path(__file__).with_name("train.py")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("rows", type=click.Path(exists=True, path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True))
@click.option(
    "-o", "--output", default="runs/ablations", type=click.Path(path_type=Path), help="Folder of the reports."
)
@click.option("--minutes", "budgets", multiple=True, default=(16.0,), help="CPU minutes of each run; repeatable.")
@click.option("--jobs", default=2, type=click.IntRange(min=1), help="Rows at a time.")
def main(rows: Path, images: tuple[str, ...], output: Path, budgets: tuple[float, ...], jobs: int) -> None:
    """Train each row of ROWS on IMAGES."""
    output.mkdir(parents=True, exist_ok=True)
    table = tomllib.loads(rows.read_text(encoding="utf-8"))["row"]

    def run(checkpoint: Path, minutes: float, settings: list[str], *options: str) -> bool:
        command = [sys.executable, str(TRAIN), *images, "--minutes", str(minutes), "--clock", "cpu", "--threads", "1"]
        command += ["-o", str(checkpoint), *(argument for change in settings for argument in ("--set", change))]
        with checkpoint.with_suffix(".log").open("a") as log:
            return subprocess.run([*command, *options], stdout=log, stderr=log).returncode == 0

    def train(row: dict[str, Any]) -> bool:
        name, settings = row["name"], row["set"]
        if len(budgets) == 1:
            return finish(output / f"{name}.json", budgets[0], settings)
        trunk = output / f"{name}-constant.safetensors"
        try:
            first = load_config(None, settings).phases[0]
        except ValueError as error:
            trunk.with_suffix(".log").write_text(f"{error}\n")
            return False
        constant = f"phases=[{{fraction=1.0,crop={first.crop},batch={first.batch}}}]"
        for minutes in sorted(budgets):
            report = output / f"{name}-{minutes:g}.json"
            branch = report.with_suffix(".safetensors")
            if not report.exists() and not branch.exists():
                if not run(trunk, first.fraction * minutes, [*settings, constant], "--no-final-validation"):
                    return False
                shutil.copyfile(trunk, branch)
            if not finish(report, minutes, settings):
                return False
        trunk.unlink(missing_ok=True)
        return True

    def finish(report: Path, minutes: float, settings: list[str]) -> bool:
        checkpoint = report.with_suffix(".safetensors")
        done = report.exists() or run(checkpoint, minutes, settings, "--report", str(report))
        if done:
            checkpoint.unlink(missing_ok=True)
        return done

    with ThreadPoolExecutor(jobs) as pool:
        for row, done in zip(table, pool.map(train, table), strict=True):
            click.echo(f"{row['name']}: {'done' if done else 'failed, see its log'}")


if __name__ == "__main__":
    main()
