"""Reports of runs: JSON and back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_report import RunReport, read_report, write_report

from cnncompress.errors import CnncompressError
from cnncompress.training.validation import Validation


def test_round_trip(tmp_path: Path) -> None:
    validation = Validation((0.25, 2.0), (0.1, 1.0), (30.0, 40.5))
    report = RunReport(("model.width_8=48",), 16.0, "cpu", 1, "cpu", 1200, 5_000_000, validation)
    path = tmp_path / "runs" / "narrow.json"
    write_report(report, path)
    assert read_report(path) == report


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"validation": {}}', '{"validation": 3, "settings": []}'])
def test_what_is_no_report(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CnncompressError, match="not a report of a training run"):
        read_report(path)
    with pytest.raises(CnncompressError, match="not a report"):
        read_report(tmp_path / "missing.json")
