"""Jobs reach slots, results come back, and nothing is lost when a slot is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cnncompress.batch.jobs import Job
from cnncompress.batch.outcomes import Result
from cnncompress.batch.pool import SlotLost
from cnncompress.batch.schedule import Schedule
from cnncompress.errors import DeviceError, OutOfMemory
from cnncompress.files.outputs import part_path

JOBS = [Job("compress", str(number), f"{number}.cnc") for number in range(20)]
LAST_ATTEMPTS = [replace(job, attempt=3) for job in JOBS]


@dataclass
class Fake:
    """Does nothing, and notes for which jobs."""

    done: list[str] = field(default_factory=list)
    process: int = 1
    at_once: int = 1
    killed: bool = False
    stop_asked: bool = False

    def ready(self, needed: Callable[[], bool]) -> bool:
        return not self.killed

    def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
        yield from map(self.run_one, jobs)

    def run_one(self, job: Job) -> Result:
        self.done.append(job.source)
        time.sleep(0.001)
        return Result("ok", job.source)

    def stop_soon(self) -> None:
        self.stop_asked = True

    def kill(self) -> None:
        self.killed = True


def never() -> bool:
    return False


def test_all_jobs_are_done_once() -> None:
    slots = [Fake(), Fake(), Fake()]
    results = list(Schedule(JOBS, slots, never).results())
    assert sorted(int(result.input) for result in results) == list(range(20))
    assert sum(len(slot.done) for slot in slots) == 20 and all(slot.done for slot in slots)


def test_slots_are_given_several_jobs_at_a_time() -> None:
    class Several(Fake):
        def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
            given.append([int(job.source) for job in jobs])
            return super().run(jobs)

    given: list[list[int]] = []
    results = list(Schedule(JOBS, [Several(at_once=8), Several(at_once=8)], never).results())
    assert sorted(int(result.input) for result in results) == list(range(20))
    assert sorted(given) == [list(range(8)), list(range(8, 16)), list(range(16, 20))], "whichever slot was faster"


def test_what_has_no_result_of_a_slot_that_is_lost_is_tried_again_one_by_one() -> None:
    class Poisoned(Fake):
        def run(self, jobs: Sequence[Job]) -> Iterator[Result]:
            given.append([(int(job.source), job.attempt) for job in jobs])
            return super().run(jobs)

        def run_one(self, job: Job) -> Result:
            if job.source == "2":
                raise SlotLost(OutOfMemory(f"died {job.attempt} times"))
            return super().run_one(job)

    given: list[list[tuple[int, int]]] = []
    results = list(Schedule(JOBS[:6], [Poisoned(at_once=5)], never).results())
    assert sorted(result.input for result in results) == ["0", "1", "2", "3", "4", "5"]
    assert [(result.input, result.error) for result in results if result.error] == [("2", "died 3 times")]
    assert given[0] == [(number, 1) for number in range(5)]
    assert sorted(given[1:]) == [[(2, 2)], [(2, 3)], [(3, 2)], [(4, 2)], [(5, 1)]]


def test_one_slot_keeps_the_order() -> None:
    assert [result.input for result in Schedule(JOBS, [Fake()], never).results()] == [job.source for job in JOBS]


def test_no_job_is_begun_after_a_stop() -> None:
    slot = Fake()
    results = list(Schedule(JOBS, [slot], lambda: len(slot.done) == 3).results())
    assert len(results) == len(slot.done) == 3


def test_a_stop_ends_the_effort_of_what_was_begun() -> None:
    slots = [Fake(), Fake()]
    running: list[int] = []
    list(Schedule(JOBS, slots, lambda: any(slot.done for slot in slots), running.append).results())
    assert all(slot.stop_asked for slot in slots)
    assert len(running) == 1 and 0 <= running[0] <= len(slots)


class Dying(Fake):
    """Dies over its second job."""

    def run_one(self, job: Job) -> Result:
        if self.done:
            self.killed = True
            raise SlotLost(OutOfMemory("died"))
        return super().run_one(job)


def test_a_lost_slot_costs_one_file() -> None:
    results = list(Schedule(LAST_ATTEMPTS, [Dying(), Fake()], never).results())
    assert sorted(int(result.input) for result in results) == list(range(20))
    assert [result.error for result in results if result.status == "error"] == ["died"]


def test_without_slots_the_rest_fails() -> None:
    results = list(Schedule(LAST_ATTEMPTS, [Dying()], never).results())
    assert len(results) == 20 and results[0].status == "ok" and results[1].error == "died"
    assert {result.error for result in results[2:]} == {"no worker process is left"}


class Reviving(Fake):
    """Dies over a job that is poison, and over its second job; then lives again."""

    def run_one(self, job: Job) -> Result:
        if job.source == "13" or (len(self.done) == 1 and job.attempt == 1):
            self.done.append("death")
            raise SlotLost(OutOfMemory(f"died {job.attempt} times"))
        return super().run_one(job)


def test_jobs_of_dead_workers_go_to_others() -> None:
    slots = [Reviving(), Reviving(), Reviving()]
    results = list(Schedule(JOBS, slots, never).results())
    assert sorted(int(result.input) for result in results) == list(range(20))
    assert [(result.input, result.error) for result in results if result.status == "error"] == [("13", "died 3 times")]
    done = [source for slot in slots for source in slot.done if source != "death"]
    assert sorted(map(int, done)) == [number for number in range(20) if number != 13], "nothing is done twice"


class NeverBack(Fake):
    """Dies over its first job, and would take for ever to live again."""

    waited: int = 0

    def ready(self, needed: Callable[[], bool]) -> bool:
        while self.killed and needed():
            self.waited += 1
            time.sleep(0.001)
        return not self.killed

    def run_one(self, job: Job) -> Result:
        self.killed = True
        raise SlotLost(OutOfMemory("died"))


def test_a_job_comes_back_to_slots_that_have_nothing_to_do() -> None:
    for _ in range(20):
        lost, other = NeverBack(), Fake()
        results = list(Schedule(JOBS[:3], [lost, other], never).results())
        assert sorted(result.input for result in results) == ["0", "1", "2"]
        assert {result.status for result in results} == {"ok"} and len(other.done) == 3


class WithoutDevice(Fake):
    """Has no device."""

    def run_one(self, job: Job) -> Result:
        raise DeviceError("no device")


def test_what_keeps_all_jobs_from_being_done_is_raised() -> None:
    other = Fake()
    with pytest.raises(DeviceError, match="no device"):
        list(Schedule(JOBS, [WithoutDevice(), other], never).results())
    assert len(other.done) < 20


def test_abandoned_jobs_leave_nothing(tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()
    target = tmp_path / "a.cnc"
    part = part_path(target, os.getpid())

    class Writing(Fake):
        process = os.getpid()

        def run_one(self, job: Job) -> Result:
            part.write_bytes(b"half")
            started.set()
            go_on.wait(10)
            return Result("ok", job.source)

    slot = Writing(process=os.getpid())
    schedule = Schedule([Job("compress", "a.png", str(target))], [slot], never)
    thread = threading.Thread(target=lambda: list(schedule.results()))
    thread.start()
    assert started.wait(10)
    schedule.abandon()
    assert slot.killed and not part.exists()
    go_on.set()
    thread.join(10)
