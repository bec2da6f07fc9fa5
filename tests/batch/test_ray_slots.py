"""Slots in a Ray cluster: shares of it, actors that die, and jobs that go to others."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.pool import SlotLost
from cnncompress.batch.ray_cluster import Actors, Node, RayRun, actors_for
from cnncompress.batch.ray_slots import Patience, RaySlot, ray_slots
from cnncompress.batch.request import TarWork
from cnncompress.batch.schedule import Schedule
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import DeviceError, UnavailableError, UnknownModel

JOBS = [Job("compress", f"{number}.png", f"{number}.cnc") for number in range(20)]


class RayError(Exception):
    """As in Ray, of which `test_errors_are_those_of_ray` compares the tree."""


class RayActorError(RayError):
    pass


class OutOfMemoryError(RayError):
    pass


class ActorUnschedulableError(RayError):
    pass


class RuntimeEnvSetupError(RayError):
    pass


class RayTaskError(RayError):
    pass


ERRORS = [RayActorError, OutOfMemoryError, ActorUnschedulableError, RuntimeEnvSetupError, RayTaskError]


def test_errors_are_those_of_ray() -> None:
    exceptions = pytest.importorskip("ray.exceptions", reason="ray is not installed")
    for error in ERRORS:
        assert [each.__name__ for each in getattr(exceptions, error.__name__).__mro__] == [
            each.__name__ for each in error.__mro__
        ]


@dataclass
class FakeRay:
    """Runs at once what is asked for; dies over jobs named poison."""

    opened: Any = 7
    waits: int = 0
    killed: int = 0
    seen: list[Job] = field(default_factory=list)
    death: type[RayError] = RayActorError
    exceptions: Any = field(default_factory=lambda: SimpleNamespace(RayError=RayError, RayActorError=RayActorError))

    def actor(self) -> Any:
        return SimpleNamespace(
            open=SimpleNamespace(remote=lambda: self.opened),
            run=SimpleNamespace(remote=self._run),
            stop_soon=SimpleNamespace(remote=lambda: None),
        )

    def _run(self, job: Job) -> Any:
        self.seen.append(job)
        if "poison" in job.source:
            return self.death("no room")
        return Result("ok", job.source, job.output, about=job.output)

    def get(self, answer: Any) -> Any:
        if isinstance(answer, RayError):
            raise answer
        return answer

    def wait(self, references: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        if self.waits:
            self.waits -= 1
            return [], references
        return references, []

    def kill(self, actor: Any) -> None:
        self.killed += 1

    def slot(self) -> RaySlot:
        return RaySlot(self, self.actor, SILENT)


SILENT = Patience("", lambda text: None)


def always() -> bool:
    return True


def test_paths_are_absolute_on_the_way_only() -> None:
    ray = FakeRay(waits=3)
    slot = ray.slot()
    assert slot.ready(always) and (slot.process, ray.waits) == (7, 0)
    (result,) = slot.run(JOBS[3:4])
    assert (result.input, result.output, result.about) == ("3.png", "3.cnc", "3.cnc")
    assert (ray.seen[0].source, ray.seen[0].output) == (str(Path.cwd() / "3.png"), str(Path.cwd() / "3.cnc"))
    list(slot.run([Job("compress", "s3://b/x.png", "s3://b/x.cnc")]))
    assert ray.seen[1].source == "s3://b/x.png"


def test_a_slot_is_given_up_when_it_is_not_needed() -> None:
    ray = FakeRay(waits=1000)
    answers = iter([True, True, False])
    assert not ray.slot().ready(lambda: next(answers))


@pytest.mark.parametrize("death", ERRORS)
@pytest.mark.parametrize(("tar", "attempts"), [(None, 3), (TarWork(""), 2)])
def test_poison_fails_alone(tar: TarWork | None, attempts: int, death: type[RayError]) -> None:
    ray = FakeRay(death=death)
    jobs = [*JOBS[:5], Job("compress", "poison.png", "poison.cnc", tar=tar), *JOBS[5:]]
    results = list(Schedule(jobs, [ray.slot(), ray.slot()], lambda: False).results())
    (failed,) = [result for result in results if result.status == "error"]
    assert (failed.input, failed.exit_code) == ("poison.png", 7)
    text = f"{attempts} Ray actors have died while processing this file, the last with {death.__name__}: no room"
    assert failed.error == text
    assert sorted(result.input for result in results) == sorted(job.source for job in jobs)
    assert [job.attempt for job in ray.seen if "poison" in job.source] == list(range(1, attempts + 1))
    assert len(ray.seen) == 20 + attempts and ray.killed == attempts


def test_what_keeps_actors_from_starting() -> None:
    ray = FakeRay(opened=UnknownModel("no model named 'x'"))
    with pytest.raises(UnknownModel):
        list(Schedule(JOBS, [ray.slot()], lambda: False).results())
    for error in ERRORS:
        ray = FakeRay(opened=error("no such module\nmore lines"))
        with pytest.raises(UnavailableError, match=r"actors of Ray die while they start: no such module$"):
            list(Schedule(JOBS, [ray.slot()], lambda: False).results())


def test_a_wait_without_an_actor_is_told_once() -> None:
    told: list[str] = []
    ray, patience = FakeRay(waits=5), Patience("no actor yet", told.append, seconds=0)
    slots = [RaySlot(ray, ray.actor, patience) for _ in range(2)]
    assert all(slot.ready(always) for slot in slots) and told == ["no actor yet"]
    ray, patience = FakeRay(), Patience("no actor yet", told.append, seconds=0)
    assert RaySlot(ray, ray.actor, patience).ready(always)
    ray.waits = 5
    assert RaySlot(ray, ray.actor, patience).ready(always) and len(told) == 1, "others wait for room"


@pytest.mark.parametrize(
    ("run", "nodes", "files", "expected"),
    [
        (RayRun("auto"), [Node(8)], 100, Actors(8, 1, 0, 1)),
        (RayRun("auto"), [Node(8)], 3, Actors(3, 1, 0, 1)),
        (RayRun("auto", jobs=2), [Node(8)], 100, Actors(2, 4, 0, 4)),
        (RayRun("auto", jobs=4, threads=8), [Node(64)], 100, Actors(4, 2, 0, 2)),
        (RayRun("auto"), [Node(8, 1), Node(8, 1)], 100, Actors(8, 1.0, 0.25, 1)),
        (RayRun("auto", jobs=3), [Node(2, 2)], 9, Actors(3, 0.5, 0.5, 1)),
        (RayRun("auto", "cpu"), [Node(4, 2)], 100, Actors(4, 1, 0, 1)),
        # No actor fits on more than one machine.
        (RayRun("auto", jobs=1), [Node(2), Node(2)], 100, Actors(1, 2, 0, 2)),
        (RayRun("auto", jobs=2), [Node(2)] * 5, 100, Actors(2, 2, 0, 2)),
        (RayRun("auto", jobs=1, threads=64), [Node(2)] * 2, 100, Actors(1, 2, 0, 2)),
        (RayRun("auto", jobs=3), [Node(3), Node(3)], 100, Actors(3, 1, 0, 1)),
        (RayRun("auto"), [Node(100), Node(2, 1)], 100, Actors(4, 0.5, 0.25, 1)),
        (RayRun("auto"), [Node(8), Node(0, 1)], 100, Actors(4, 0, 0.25, 1)),
    ],
)
def test_shares_of_a_cluster(run: RayRun, nodes: list[Node], files: int, expected: Actors) -> None:
    actors = actors_for(run, nodes, files)
    assert actors == expected and actors.device == ("cuda" if actors.gpus else "cpu")
    assert any(node.cpus >= actors.cpus and node.gpus >= actors.gpus for node in nodes)


def test_clusters_without_what_is_needed() -> None:
    with pytest.raises(DeviceError, match="has no GPU"):
        actors_for(RayRun("auto", "cuda"), [Node(4)], 1)
    with pytest.raises(UnavailableError, match="has no CPU"):
        actors_for(RayRun("auto"), [], 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("base", "base"), ("x/y", "/cwd/x/y"), ("m.safetensors", "/cwd/m.safetensors")],
)
def test_only_paths_of_models_are_made_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()  # no model, whatever it is called
    sent: list[ModelSettings] = []

    def remote(settings: WorkSettings, model: ModelSettings, load: bool) -> Any:
        sent.append(model)
        return FakeRay().actor()

    ray = FakeRay()
    module = SimpleNamespace(
        is_initialized=lambda: True,
        nodes=lambda: [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}],
        remote=lambda **options: lambda actor: SimpleNamespace(remote=remote),
        wait=ray.wait,
        get=ray.get,
        kill=ray.kill,
        exceptions=ray.exceptions,
    )
    monkeypatch.setitem(sys.modules, "ray", module)
    with ray_slots(RayRun("auto"), WorkSettings(), ModelSettings(name), 9, load=False) as slots:
        assert len(slots) == 2 and slots[0].ready(always)
    assert [str(model.model) for model in sent] == [expected.replace("/cwd", str(tmp_path))]


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A real cluster of two CPUs on this machine."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        handler = signal.getsignal(signal.SIGTERM)
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        yield ray
        ray.shutdown()
        signal.signal(signal.SIGTERM, handler)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of Ray
def test_real_actors_that_die(cluster: Any, tmp_path: Path) -> None:
    class Poisoned:
        def open(self) -> int:
            return os.getpid()

        def run(self, job: Job) -> Result:
            if "poison" in job.source:
                os.kill(os.getpid(), signal.SIGKILL)
            return Result("ok", job.source, job.output)

        def stop_soon(self) -> None:
            pass

    new: Callable[[], Any] = cluster.remote(max_restarts=0, num_cpus=1)(Poisoned).remote
    jobs = [*JOBS[:5], Job("compress", "poison.png", "poison.cnc"), *JOBS[5:]]
    slots = [RaySlot(cluster, new, SILENT), RaySlot(cluster, new, SILENT)]
    results = list(Schedule(jobs, slots, lambda: False).results())
    assert [result.input for result in results if result.status == "error"] == ["poison.png"]
    assert sorted(result.input for result in results) == sorted(job.source for job in jobs)
    for slot in slots:
        slot.kill()

    for number in range(6):
        (tmp_path / f"{number}.txt").write_text("x" * number)
    copies = [Job("copy", str(tmp_path / f"{number}.txt"), str(tmp_path / f"{number}.copy")) for number in range(6)]
    with ray_slots(RayRun("auto"), WorkSettings(), ModelSettings(), len(copies), load=False) as opened:
        assert len(opened) == 2
        results = list(Schedule(copies, opened, lambda: False).results())
        assert sorted(result.output_bytes or 0 for result in results) == list(range(6))
        with pytest.raises(SlotLost):
            opened[0].kill()
            assert opened[0].ready(always)
            os.kill(opened[0].process, signal.SIGKILL)
            list(opened[0].run([Job("copy", str(tmp_path / "5.txt"), str(tmp_path / "6.copy"), attempt=3)]))
