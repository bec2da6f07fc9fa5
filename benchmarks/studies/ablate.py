"""Compares training runs that differ in single settings: ``ablate.py ROWS.toml IMAGES... -o FOLDER``.

ROWS.toml lists the runs as ``[[row]]`` tables with a ``name`` and ``set``, an array of changes to the default settings,
``key=value`` each. Every run gets the same minutes of CPU time on one thread, so other work on the machine does not
count. Finished rows are skipped: the same command goes on where it was stopped.

``--minutes`` more than once trains each row to all of these budgets, for ``plot_scaling.py``. The runs of a row share
the steps at a constant rate: one run makes all of those, and each budget finishes a copy of its checkpoint.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import torch
from run_report import RunReport, write_report
from torch import Tensor

from cnncompress.errors import CnncompressError
from cnncompress.training.config import TrainConfig, load_config
from cnncompress.training.data import load_images, split_held_out
from cnncompress.training.initialise import untrained_model
from cnncompress.training.loop import Trainer
from cnncompress.training.session import HELD_OUT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENDING = ".safetensors"


@dataclass(frozen=True)
class Row:
    """One network or recipe, trained to each of the budgets.

    Attributes:
        name: Begins the names of its files.
        settings: Changes to the default settings, ``key=value`` each.
        images: What is trained on.
        folder: Where reports, log and checkpoints are written.
        budgets: CPU minutes of the runs, rising.
    """

    name: str
    settings: tuple[str, ...]
    images: tuple[Path, ...]
    folder: Path
    budgets: tuple[float, ...]

    @property
    def reports(self) -> list[Path]:
        """The reports of the runs."""
        suffixes = [""] if len(self.budgets) == 1 else [f"-{minutes:g}" for minutes in self.budgets]
        return [self.folder / f"{self.name}{suffix}.json" for suffix in suffixes]


def train_row(row: Row) -> bool:
    """Trains what is not finished yet. Returns whether all of it is; if not, the row's log says why."""
    if all(report.exists() for report in row.reports):
        return True
    torch.set_num_threads(1)
    with (row.folder / f"{row.name}.log").open("a", buffering=1) as log:
        train = partial(_train, log=lambda line: print(line, file=log))
        try:
            config = load_config(None, row.settings)
            images, held_out = split_held_out(load_images(row.images), HELD_OUT)
            trunk = row.folder / f"{row.name}-constant{ENDING}"
            for minutes, report in zip(row.budgets, row.reports, strict=True):
                branch = report.with_suffix(ENDING)
                if report.exists():
                    continue
                if len(row.budgets) > 1 and not branch.exists():
                    first = config.phases[0]
                    constant = replace(config, phases=(replace(first, fraction=1.0),))
                    train(constant, images, held_out, first.fraction * minutes, trunk)
                    shutil.copyfile(trunk, branch)
                run = train(config, images, held_out, minutes, branch)
                write_report(_report(row, run), report)
                branch.unlink()
            trunk.unlink(missing_ok=True)
        except (CnncompressError, ValueError, OSError) as error:
            print(error, file=log)
            return False
    return True


def _train(
    config: TrainConfig,
    images: dict[str, Tensor],
    held_out: dict[str, Tensor],
    minutes: float,
    path: Path,
    *,
    log: Callable[[str], None],
) -> Trainer:
    """Trains until a budget of CPU minutes is used, from the checkpoint at ``path`` if there is one."""
    start = untrained_model(config) if path.exists() else None
    run = Trainer(config, images, held_out, torch.device("cpu"), start=start, clock=time.process_time, log=log)
    if start is not None:
        run.resume(path)
        log(f"{path.name}: resumed at step {run.step}")
    run.run(minutes, path, final_validation=False)
    return run


def _report(row: Row, run: Trainer) -> RunReport:
    validation = run.validate()
    if validation is None:
        raise CnncompressError("a tenth of the images is held out to compare the runs: there must be ten or more")
    parameters = sum(parameter.numel() for parameter in run.model.parameters())
    return RunReport(row.settings, run.seconds / 60, "cpu", 1, "cpu", run.step, parameters, validation)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("rows", type=click.Path(exists=True, path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--output", default="runs/ablations", type=click.Path(path_type=Path), help="Folder of the reports."
)
@click.option("--minutes", "budgets", multiple=True, default=(16.0,), help="CPU minutes of each run; repeatable.")
@click.option("--jobs", default=2, type=click.IntRange(min=1), help="Rows at a time.")
def main(rows: Path, images: tuple[Path, ...], output: Path, budgets: tuple[float, ...], jobs: int) -> None:
    """Train each row of ROWS on IMAGES."""
    output.mkdir(parents=True, exist_ok=True)
    listed = tomllib.loads(rows.read_text(encoding="utf-8"))["row"]
    table = [Row(row["name"], tuple(row["set"]), images, output, tuple(sorted(budgets))) for row in listed]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for row, done in zip(table, pool.map(train_row, table), strict=True):
            click.echo(f"{row.name}: {'done' if done else 'failed, see its log'}")


if __name__ == "__main__":
    main()
