"""Compares training runs that differ in single settings: ``python scripts/ablate.py ROWS.toml IMAGES... -o FOLDER``.

ROWS.toml lists the runs as ``[[row]]`` tables with a ``name`` and ``set``, an array of ``key=value`` as ``--set`` of
train.py takes them. Every run gets the same minutes of CPU time on one thread, so other work on the machine does not
count. Finished rows are skipped: the same command goes on where it was stopped.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

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
@click.option("--minutes", default=16.0, help="CPU minutes of each run.")
@click.option("--jobs", default=2, type=click.IntRange(min=1), help="Runs at a time.")
def main(rows: Path, images: tuple[str, ...], output: Path, minutes: float, jobs: int) -> None:
    """Train each row of ROWS on IMAGES."""
    output.mkdir(parents=True, exist_ok=True)
    table = tomllib.loads(rows.read_text(encoding="utf-8"))["row"]

    def train(row: dict[str, object]) -> tuple[str, int]:
        report = output / f"{row['name']}.json"
        if report.exists():
            return str(row["name"]), 0
        settings = [argument for change in row["set"] for argument in ("--set", change)]  # type: ignore[attr-defined]
        command = [sys.executable, str(TRAIN), *images, "--minutes", str(minutes), "--clock", "cpu", "--threads", "1"]
        command += ["-o", str(report.with_suffix(".pt")), "--report", str(report), *settings]
        with report.with_suffix(".log").open("w") as log:
            code = subprocess.run(command, stdout=log, stderr=log).returncode
        if code == 0:
            report.with_suffix(".pt").unlink()
        return str(row["name"]), code

    with ThreadPoolExecutor(jobs) as pool:
        for name, code in pool.map(train, table):
            click.echo(f"{name}: {'done' if code == 0 else f'failed with exit code {code}, see its log'}")


if __name__ == "__main__":
    main()
