"""Cores, devices and memory are shared out."""

from __future__ import annotations

import os
import threading
import time

import pytest

from cnncompress.batch.resources import PixelBudget, Share, share_out
from cnncompress.cpu_count import available_cores


@pytest.mark.parametrize(
    ("files", "jobs", "threads", "expected"),
    [
        (1, None, 2, Share(("cpu",), 1, 2, True)),
        (48, None, 2, Share(("cpu",), 2, 1, True)),
        (48, 1, 2, Share(("cpu",), 1, 2, True)),
        (48, None, 1, Share(("cpu",), 1, 1, True)),
        (3, None, 16, Share(("cpu",), 3, 5, True)),
        (48, None, 16, Share(("cpu",) * 4, 4, 1, False)),
        (48, 6, 16, Share(("cpu",) * 2, 3, 2, False)),
        (48, 8, 2, Share(("cpu",) * 2, 4, 1, False)),
    ],
)
def test_cores(files: int, jobs: int | None, threads: int, expected: Share) -> None:
    assert share_out(("cpu",), files, jobs=jobs, threads=threads) == expected


def test_devices() -> None:
    assert share_out(("cuda",), 48, jobs=None, threads=8) == Share(("cuda",), 4, 2, True)
    assert share_out(("cuda",), 48, jobs=None, threads=8, batches=True) == Share(("cuda",), 4, 2, True, 3)
    assert share_out(("cuda",), 9999, jobs=None, threads=8, batches=True).at_once == 64
    assert share_out(("cuda",), 9, jobs=None, threads=8, batches=True).at_once == 1
    assert share_out(("cpu",), 9999, jobs=None, threads=8, batches=True).at_once == 1
    assert share_out(("cuda",), 2, jobs=None, threads=8) == Share(("cuda",), 2, 4, True)
    assert share_out(("cuda:0", "cuda:1"), 48, jobs=None, threads=16) == Share(("cuda:0", "cuda:1"), 4, 2, False)
    assert share_out(("cuda:0", "cuda:1"), 48, jobs=2, threads=16) == Share(("cuda:0", "cuda:1"), 1, 8, False)


def test_what_openmp_is_told_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    here = available_cores()
    assert 1 <= here <= (os.cpu_count() or 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert available_cores() == 3
    assert share_out(("cpu",), 99, jobs=None, threads=None) == share_out(("cpu",), 99, jobs=None, threads=3)
    for useless in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", useless)
        assert available_cores() == here


def test_images_wait_for_room() -> None:
    budget, order = PixelBudget(100), []

    def work(name: str, pixels: int) -> None:
        with budget.taken(pixels):
            order.append(name)

    with budget.taken(60):
        small, large = (threading.Thread(target=work, args=args) for args in (("small", 40), ("large", 500)))
        small.start()
        small.join(10)
        large.start()
        time.sleep(0.05)
        assert order == ["small"]
    large.join(10)
    assert order == ["small", "large"], "one that is larger than all the room goes alone"
