"""What a finished run says of itself, for tables that compare runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cnncompress.errors import CnncompressError
from cnncompress.training.validation import Validation


@dataclass(frozen=True)
class RunReport:
    """A run and what came out of it.

    Attributes:
        settings: What differs from the default configuration, as ``key=value`` with the value in TOML.
        minutes: Time budget used.
        clock: Whose minutes: "wall" or "cpu".
        threads: CPU threads.
        device: Where it ran.
        steps: Optimiser steps done.
        parameters: Trained numbers.
        validation: Rate and distortion of the held-out images.
    """

    settings: tuple[str, ...]
    minutes: float
    clock: str
    threads: int
    device: str
    steps: int
    parameters: int
    validation: Validation


def write_report(report: RunReport, path: Path) -> None:
    """Writes a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(report)) + "\n", encoding="utf-8")


def read_report(path: Path) -> RunReport:
    """Reads what `write_report` wrote.

    Raises:
        CnncompressError: The file cannot be read, or is no report.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        measured = {key: tuple(row) for key, row in values.pop("validation").items()}
        settings = tuple(values.pop("settings"))
        return RunReport(settings=settings, validation=Validation(**measured), **values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CnncompressError(f"{path}: not a report of a training run: {error}") from error
