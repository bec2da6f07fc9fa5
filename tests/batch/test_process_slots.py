"""Slots in processes of their own: jobs are done there, and what ends a process is reported."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.pool import Slot, SlotLost, thread_slots
from cnncompress.batch.process_slots import WorkerProcess, _serve, process_slots
from cnncompress.batch.schedule import Schedule
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import CnncompressError, UnknownModel


def results_of(jobs: Sequence[Job], slots: Sequence[Slot]) -> list[Result]:
    return list(Schedule(jobs, slots, stopping=lambda: False).results())


def test_slots_in_other_processes(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text("x" * number)
    jobs = [Job("copy", str(tmp_path / f"{number}.txt"), str(tmp_path / f"{number}.copy")) for number in range(6)]
    jobs.append(Job("copy", str(tmp_path / "missing"), str(tmp_path / "none")))
    with process_slots(WorkSettings(), [ModelSettings()] * 2, 2, load=False) as slots:
        assert len({slot.process for slot in slots}) == 2 and os.getpid() not in {slot.process for slot in slots}
        results = results_of(jobs, slots)
        assert sorted(result.output_bytes or 0 for result in results if result.status == "copied") == list(range(6))
        assert [result.exit_code for result in results if result.status == "error"] == [3]
        slots[0].kill()
        with pytest.raises(SlotLost) as lost:
            list(slots[0].run(jobs[:1]))
        assert lost.value.error.exit_code == 7
        assert "by signal 9, as happens when memory is short" in str(lost.value.error)
        results = results_of(jobs[:1], slots[:1])
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
        results = {Path(result.input).name: result for result in results_of(jobs, slots)}
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
    ours.send([Job("copy", "a.png", "b.png")])
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
