"""Jobs reach slots, results come back, and nothing is lost when a slot is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pytest

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.pool import SlotLost, thread_slots
from cnncompress.batch.process_slots import WorkerProcess, _serve, process_slots
from cnncompress.batch.schedule import Schedule
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import CnncompressError, DeviceError, OutOfMemory, UnknownModel
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


def test_slots_in_other_processes(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text("x" * number)
    jobs = [Job("copy", str(tmp_path / f"{number}.txt"), str(tmp_path / f"{number}.copy")) for number in range(6)]
    jobs.append(Job("copy", str(tmp_path / "missing"), str(tmp_path / "none")))
    with process_slots(WorkSettings(), [ModelSettings()] * 2, 2, load=False) as slots:
        assert len({slot.process for slot in slots}) == 2 and os.getpid() not in {slot.process for slot in slots}
        results = list(Schedule(jobs, slots, never).results())
        assert sorted(result.output_bytes or 0 for result in results if result.status == "copied") == list(range(6))
        assert [result.exit_code for result in results if result.status == "error"] == [3]
        slots[0].kill()
        with pytest.raises(SlotLost) as lost:
            list(slots[0].run(jobs[:1]))
        assert lost.value.error.exit_code == 7
        assert "by signal 9, as happens when memory is short" in str(lost.value.error)
        results = list(Schedule(jobs[:1], slots[:1], never).results())
        assert results[0].error == "no worker process is left"


def opened_for_writing(path: Path) -> BinaryIO:
    """Waits until somebody reads a named pipe, and opens it."""
    return open(path, "wb", buffering=0)


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(os.name == "nt", reason="no named pipes")
def test_a_process_that_dies_costs_one_file_and_its_neighbours_nothing(tmp_path: Path) -> None:
    poison, neighbour = tmp_path / "poison", tmp_path / "neighbour"
    os.mkfifo(poison)
    os.mkfifo(neighbour)
    (tmp_path / "a").write_text("a")
    jobs = [Job("copy", str(tmp_path / name), str(tmp_path / f"{name}.copy")) for name in ("poison", "neighbour", "a")]
    with process_slots(WorkSettings(), [ModelSettings()], 2, load=False) as slots:

        def kill() -> None:
            with opened_for_writing(poison):
                process = slots[0].process
                os.kill(process, signal.SIGKILL)
                while is_there(process):
                    time.sleep(0.01)

        def feed() -> None:
            with opened_for_writing(neighbour) as stream:
                stream.write(b"neighbour")

        def play() -> None:
            with opened_for_writing(neighbour):
                kill()  # while both are read
            threading.Thread(target=feed, daemon=True).start()
            kill()
            kill()

        threading.Thread(target=play, daemon=True).start()
        results = {Path(result.input).name: result for result in Schedule(jobs, slots, never).results()}
    assert results["poison"].exit_code == 7
    assert str(results["poison"].error).startswith("3 worker processes have died over this file, the last by signal 9")
    assert (results["neighbour"].status, results["a"].status) == ("copied", "copied")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.endswith((".copy", ".part"))) == [
        *("a.copy", "neighbour.copy")
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_end_of_a_thread_is_noticed() -> None:
    class Broken:
        def run_all(self, jobs: Sequence[Job]) -> Iterator[Result]:
            raise MemoryError

    ours, theirs = multiprocessing.Pipe()
    ours.send(JOBS[:1])
    thread = threading.Thread(target=_serve, args=(Broken(), theirs), daemon=True)
    thread.start()
    assert ours.poll(10)
    with pytest.raises(EOFError):
        ours.recv()
    thread.join(10)


def test_what_keeps_a_process_from_starting_is_told() -> None:
    with pytest.raises(CnncompressError, match="internal error: AttributeError"):
        WorkerProcess(WorkSettings(image=None), None, 1, load=True).wait_until_ready()  # type: ignore[arg-type]


def test_a_model_that_is_missing_is_told_before_the_first_job() -> None:
    with (
        pytest.raises(UnknownModel),
        thread_slots(WorkSettings(), ModelSettings("no-such-model", device="cpu"), 1, load=True),
    ):
        pass
    with (
        pytest.raises(UnknownModel),
        process_slots(WorkSettings(), [ModelSettings("no-such-model", device="cpu")], 1, load=True),
    ):
        pass
