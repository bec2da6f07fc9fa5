from __future__ import annotations

from pathlib import Path

import pytest
from batched_runs import RunSpeed, format_run, measure_run
from batches import squares

from cnncompress.codec.model_settings import ModelSettings


@pytest.mark.slow
def test_measuring(tmp_path: Path) -> None:
    model = ModelSettings(device="cpu", engine="torch")
    speed = measure_run(squares(64, 8, []), tmp_path, model, rounds=1, pixels=1 << 20)
    assert (speed.side, speed.images, speed.slots, speed.at_once) == (64, 8, 4, 2)
    assert min(speed.compress_alone, speed.compress_together, speed.test_alone, speed.test_together) > 0


def test_what_is_printed() -> None:
    assert format_run(RunSpeed(100, 10, 4, 2, 2.0, 0.5, 1.0, 1.0)).splitlines() == [
        "  files in a run, 4 slots, 2 files at a time",
        "  compress: one by one 5.0 images/s, 0.05 MP/s; together 20.0 images/s, 0.20 MP/s; 4.00 times",
        "  test: one by one 10.0 images/s, 0.10 MP/s; together 10.0 images/s, 0.10 MP/s; 1.00 times",
    ]
