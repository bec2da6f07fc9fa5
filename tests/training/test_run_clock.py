"""Time that counts against the budget of a run."""

from __future__ import annotations

from cnncompress.training.run_clock import Interval, RunClock


def test_time_goes_on_from_before_without_the_pauses() -> None:
    now = [100.0]
    clock = RunClock(lambda: now[0], 7.0)
    now[0] = 103.0
    with clock.paused():
        now[0] = 203.0
    now[0] += 1.0
    assert clock.seconds() == 11.0


def test_intervals_begin_when_the_last_one_was_noticed() -> None:
    saving = Interval(10.0, 5.0)
    assert [now for now in (15.0, 16.0, 20.0, 26.0, 26.5, 40.0) if saving.is_over(now)] == [16.0, 26.5, 40.0]
