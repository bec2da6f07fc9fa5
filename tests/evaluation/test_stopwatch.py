from __future__ import annotations

import time

import pytest

from cnncompress.evaluation.stopwatch import Stopwatch


def test_stages_add_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("hyper"):
            time.sleep(0.01)
    with watch.stage("rans"):
        pass
    seconds = watch.seconds()
    assert list(seconds) == ["hyper", "rans"]
    assert 0.02 <= seconds["hyper"] < 1.0
    assert seconds["rans"] < 0.01


def test_an_inner_stage_pauses_the_outer_one() -> None:
    watch = Stopwatch()
    start = time.perf_counter()
    with watch.stage("context"), watch.stage("rans"):
        time.sleep(0.02)
    elapsed = time.perf_counter() - start
    seconds = watch.seconds()
    assert seconds["rans"] >= 0.02
    assert seconds["context"] < 0.02
    assert sum(seconds.values()) <= elapsed


def test_a_stage_that_fails_is_closed() -> None:
    watch = Stopwatch()
    with pytest.raises(RuntimeError), watch.stage("analysis"):
        raise RuntimeError
    with watch.stage("rans"):
        time.sleep(0.01)
    seconds = watch.seconds()
    assert seconds["analysis"] < 0.01 <= seconds["rans"]


def test_reset_forgets() -> None:
    watch = Stopwatch()
    with watch.stage("rans"):
        pass
    watch.reset()
    assert watch.seconds() == {}
