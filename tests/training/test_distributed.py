"""Runs of two processes on the CPU: one state in both, and a checkpoint when one of them is lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cnncompress.errors import CnncompressError
from cnncompress.model.weights import load_weights
from cnncompress.training.checkpoint import load_checkpoint
from cnncompress.training.config import Phase, TrainConfig
from cnncompress.training.distributed import Processes, joined, own_device
from cnncompress.training.loop import Trainer

ROOT = Path(__file__).parents[2]

TOML = """
warmup_steps = 2
phases = [{fraction = 1.0, crop = 64, batch = 2}]
[model]
latent_channels = 8
hyper_channels = 4
width_1 = 4
width_8 = 8
width_16 = 8
hyper_width = 8
hyper_features = 8
scale_width = 8
context_width = 8
blocks_8 = 1
blocks_16 = 1
"""


def rendezvous() -> dict[str, str]:
    """What torchrun tells its processes of where to meet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}


def averaged_gradients(processes: Processes) -> list[list[Any] | None]:
    """Gradients of three parameters after averaging: one in another order in memory, one that has none."""
    parameters = [torch.zeros(2), torch.zeros(1, 2, 2, 2).contiguous(memory_format=torch.channels_last), torch.zeros(3)]
    parameters[0].grad = torch.tensor([1.0, 2.0]) * (processes.rank + 1)
    parameters[1].grad = torch.arange(8.0).view(1, 2, 2, 2).contiguous(memory_format=torch.channels_last)
    parameters[1].grad += 10.0 * processes.rank
    processes.average_gradients(parameters)
    return [None if parameter.grad is None else parameter.grad.tolist() for parameter in parameters]


def work(rank: int, config: TrainConfig, images: dict[str, Tensor], folder: Path, variables: dict[str, str]) -> None:
    """Trains two steps of each phase, and leaves what there is after each."""
    os.environ |= {**variables, "RANK": str(rank), "LOCAL_RANK": str(rank)}
    torch.set_num_threads(1)
    with joined() as processes:
        lines: list[str] = []
        run = Trainer(config, images, {}, torch.device("cpu"), log=lines.append, processes=processes)
        found: dict[str, Any] = {"gradients": averaged_gradients(processes), "states": [], "lines": lines}
        start = 0.0
        for phase in config.phases:
            run.seconds = 600.0 * start if processes.leads else -1.0
            run.run(10.0, folder / "run.pt", max_steps=2, log_every=1)
            state = {**run.model.state_dict(), **{f"average.{k}": v for k, v in run.averaged.state_dict().items()}}
            found["states"].append({key: tensor.clone() for key, tensor in state.items()})
            start += phase.fraction
        found |= {
            "seconds": run.seconds,
            "steps": run.step,
            "random": torch.rand(4),
            "crops": run.crops.batch(2, 64, 0),
        }
        torch.save(found, folder / f"{rank}.pt")


@pytest.mark.slow
def test_both_processes_have_the_same_state_after_each_phase(
    tiny_run: TrainConfig, train_images: dict[str, Tensor], tmp_path: Path
) -> None:
    phases = (
        Phase(0.3, crop=64, batch=2),
        Phase(0.3, crop=128, batch=2, simulate_integers=True),
        Phase(0.4, crop=64, batch=2, synthesis_only=True),
    )
    config = TrainConfig(model=tiny_run.model, phases=phases, warmup_steps=2, ema_seconds=0.5)
    context, variables = multiprocessing.get_context("spawn"), rendezvous()
    workers = [
        context.Process(target=work, args=(rank, config, train_images, tmp_path, variables)) for rank in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))

    gradients = [[1.5, 3.0], (5.0 + torch.arange(8.0)).view(1, 2, 2, 2).tolist(), None]
    assert first["gradients"] == second["gradients"] == gradients
    assert (first["steps"], first["seconds"]) == (second["steps"], second["seconds"]) and first["steps"] == 6
    for own, other in zip(first["states"], second["states"], strict=True):
        assert all(torch.equal(tensor, other[key]) for key, tensor in own.items())
    synthesis, analysis = "network.g_s.klt", "network.g_a.klt"
    one, two, three = first["states"]
    for key in (synthesis, f"average.{synthesis}"):
        assert not torch.equal(one[key], two[key]) and not torch.equal(two[key], three[key])
    assert not torch.equal(one[analysis], two[analysis]) and torch.equal(two[analysis], three[analysis])
    assert not torch.equal(first["random"], second["random"]) and not torch.equal(first["crops"], second["crops"])
    assert sum(line.startswith("phase") for line in first["lines"]) == 3 and second["lines"] == []
    checkpoint = load_checkpoint(tmp_path / "run.pt")
    assert checkpoint.step == 6 and torch.equal(checkpoint.model[synthesis], three[synthesis])


def test_a_process_alone_is_as_if_there_were_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with joined() as processes:
        assert processes == Processes() and processes.leads
        assert processes.agree(1.5, True) == (1.5, True)
        assert (processes.seed(7), processes.share(3)) == (7, 3)
        assert averaged_gradients(processes)[0] == [1.0, 2.0]
    assert own_device("cuda") == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert [own_device(name) for name in ("cuda", "cuda:0", "cpu")] == ["cuda:1", "cuda:0", "cpu"]


def test_batches_are_shared_out_evenly(tiny_run: TrainConfig, train_images: dict[str, Tensor]) -> None:
    assert Processes(1, 4).share(8) == 2
    with pytest.raises(CnncompressError, match="a batch of 3 crops cannot be shared out evenly to 2 processes"):
        Trainer(tiny_run, train_images, {}, torch.device("cpu"), processes=Processes(0, 2))


class Run:
    """Processes of ``cnncompress train`` as torchrun starts them."""

    def __init__(self, folder: Path, count: int, *options: str) -> None:
        command = [sys.executable, "-u", "-m", "cnncompress", "train", str(folder / "images"), "--from", "none"]
        command += ["--config", str(folder / "run.toml"), "-o", str(folder / "run.safetensors"), "--minutes", "30"]
        variables = {**os.environ, "PYTHONPATH": str(ROOT), **(rendezvous() if count > 1 else {})}
        self.processes = [
            subprocess.Popen(
                [*command, "--threads", "1", "--device", "cpu", "--verbose", *options],
                stderr=subprocess.PIPE,
                text=True,
                env={**variables, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            )
            for rank in range(count)
        ]

    def wait_for(self, beginning: str) -> str:
        """Returns the first process's first line that begins so."""
        lines = []
        assert self.processes[0].stderr is not None
        for line in self.processes[0].stderr:
            if line.startswith(beginning):
                return line
            lines.append(line)
        raise AssertionError("".join(lines))

    def end(self, rank: int) -> tuple[int, str]:
        """Exit code and standard error."""
        _, errors = self.processes[rank].communicate(timeout=300)
        return self.processes[rank].returncode, errors


@pytest.fixture
def folder(tmp_path: Path, coffee: NDArray[np.uint8]) -> Path:
    """Images and settings of a run."""
    (tmp_path / "images").mkdir()
    Image.fromarray(coffee[:256, :256]).save(tmp_path / "images" / "coffee.png")
    (tmp_path / "run.toml").write_text(TOML)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_the_other_with_a_checkpoint(killed: int, folder: Path) -> None:
    run = Run(folder, 2)
    run.wait_for("phase")
    run.processes[killed].kill()
    assert run.end(killed)[0] == -signal.SIGKILL
    code, errors = run.end(1 - killed)
    assert code == 7 and "cnncompress: another process of the run is gone: " in errors
    checkpoint = folder / "run.safetensors.checkpoint"
    step = load_checkpoint(checkpoint).step
    assert errors.rstrip().endswith(f"; saved step {step}")

    # Another number of processes goes on from there; a signal ends them all.
    later = Run(folder, 1 + killed)
    later.wait_for("resumed at minute ")
    later.wait_for("phase")
    later.processes[0].send_signal(signal.SIGTERM)
    assert [later.end(rank)[0] for rank in range(1 + killed)] == [143, 0][: 1 + killed]
    assert load_checkpoint(checkpoint).step > step


@pytest.mark.slow
def test_two_processes_make_a_model(folder: Path) -> None:
    run = Run(folder, 2, "--minutes", "0.02")
    assert [run.end(rank)[0] for rank in range(2)] == [0, 0]
    assert load_weights(folder / "run.safetensors").config.latent_channels == 8
    assert not (folder / "run.safetensors.checkpoint").exists()
