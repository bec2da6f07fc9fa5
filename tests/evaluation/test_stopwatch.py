"""Seconds by stage, told by a clock that goes on when a test says so."""

from __future__ import annotations

import pytest

from cnncompress.evaluation.stopwatch import Stopwatch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("cnncompress.evaluation.stopwatch.time.perf_counter", clock)
    return clock


def test_stages_add_up(clock: Clock) -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("hyper"):
            clock.now += 2
        clock.now += 16  # outside of the stages
    with watch.stage("rans"):
        clock.now += 1
    assert list(watch.seconds().items()) == [("hyper", 4.0), ("rans", 1.0)]


def test_an_inner_stage_pauses_the_outer_one(clock: Clock) -> None:
    watch = Stopwatch()
    with watch.stage("context"):
        clock.now += 1
        with watch.stage("rans"):
            clock.now += 2
        clock.now += 4
    assert watch.seconds() == {"context": 5.0, "rans": 2.0}


def test_a_stage_that_fails_is_closed(clock: Clock) -> None:
    watch = Stopwatch()
    with pytest.raises(RuntimeError), watch.stage("analysis"):
        clock.now += 1
        raise RuntimeError
    with watch.stage("rans"):
        clock.now += 2
    assert watch.seconds() == {"analysis": 1.0, "rans": 2.0}


def test_reset_forgets(clock: Clock) -> None:
    watch = Stopwatch()
    with watch.stage("rans"):
        clock.now += 1
    watch.reset()
    assert watch.seconds() == {}
