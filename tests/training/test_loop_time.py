"""The time of a run: what counts to it, what it decides, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_runs import CPU, Images, snapshot, trainer

from cnncompress.training.checkpoint import load_checkpoint
from cnncompress.training.config import TrainConfig
from cnncompress.training.hyperprior import HyperpriorOutput
from cnncompress.training.loop import Trainer


class Clock:
    """Goes on by a step whenever it is read, and when told to."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def test_average_reaches_back_in_time(tiny_run: TrainConfig, train_images: Images, tmp_path: Path) -> None:
    """By the time of the step before: a long one if there is none, the mean of all before in a resumed run."""
    clock = Clock(0.1)
    run = Trainer(replace(tiny_run, ema_seconds=5.0), train_images, {}, CPU, clock=clock, log=lambda line: None)
    path, decays = tmp_path / "run.pt", []

    def report(step: int, minutes: float, loss: float) -> None:
        decays.append(run.average.decay)
        if step == 3:
            clock.now += 1000.0  # a pause

    run.run(600.0, path, max_steps=5, log_every=1, report=report)
    assert decays == pytest.approx([math.exp(-exponent) for exponent in (0.1, 0.02, 0.02, 0.02, 0.1)])
    run.seconds = 1.5
    run.run(600.0, path, max_steps=1, log_every=1, report=report)
    assert decays[5] == pytest.approx(math.exp(-0.3 / 5.0))


def test_what_is_done_once_does_not_count(
    tiny_run: TrainConfig, train_images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes a second here, and compiling a hundred for each phase."""
    clock, compiled = Clock(0.0), set()

    def compile_slowly(module: torch.nn.Module, *, dynamic: bool) -> Callable[..., HyperpriorOutput]:
        def forward(x: Tensor, position: Tensor, *, simulate_integers: bool) -> HyperpriorOutput:
            clock.now += 1.0 if x.shape in compiled else 100.0
            compiled.add(x.shape)
            output: HyperpriorOutput = module(x, position, simulate_integers=simulate_integers)
            return output

        return forward

    monkeypatch.setattr(torch, "compile", compile_slowly)
    run = Trainer(tiny_run, train_images, {}, CPU, compiled=True, clock=clock, log=lambda line: None)
    run.run(4.0 / 60.0, tmp_path / "run.pt")
    assert (run.step, run.seconds, clock.now, len(compiled)) == (4, 4.0, 204.0, 2)


def test_warming_up_leaves_everything_as_it_was(tiny_run: TrainConfig, train_images: Images) -> None:
    run = trainer(tiny_run, train_images, {})
    before, rng = snapshot(run), torch.get_rng_state()
    losses = {run.warm_up(tiny_run.phases[0]) for _ in range(2)}
    assert len(losses) == 1 and math.isfinite(losses.pop())
    assert torch.equal(torch.get_rng_state(), rng) and run.step == 0 and not run.optimizer.state
    assert all(torch.equal(tensor, before[name]) for name, tensor in snapshot(run).items())
    assert all(parameter.grad is None for parameter in run.model.parameters())


def test_time_budgets_end_a_run(tiny_run: TrainConfig, train_images: Images, tmp_path: Path) -> None:
    run = trainer(tiny_run, train_images, {})
    run.run(0.0, tmp_path / "none.pt")
    assert run.step == 0 and load_checkpoint(tmp_path / "none.pt").step == 0
    run.run(10.0, tmp_path / "one.pt", stop_after=1e-3)
    assert run.step == 1
    run.seconds = 600.0
    run.run(10.0, tmp_path / "none.pt")
    assert run.step == 1


def test_a_run_stops_before_any_step(
    tiny_run: TrainConfig, train_images: Images, held_out_images: Images, tmp_path: Path
) -> None:
    """With a checkpoint and no validation."""
    reports: list[int] = []
    run = trainer(tiny_run, train_images, held_out_images)
    result = run.run(
        60.0,
        tmp_path / "run.pt",
        log_every=2,
        report=lambda step, minutes, loss: reports.append(step),
        stopped=lambda: run.step == 3,
    )
    assert (result, run.step, reports) == (None, 3, [2]) and load_checkpoint(tmp_path / "run.pt").step == 3


def test_final_validation_can_be_left_out(
    tiny_run: TrainConfig, train_images: Images, held_out_images: Images, tmp_path: Path
) -> None:
    lines: list[str] = []
    run = trainer(tiny_run, train_images, held_out_images, lines)
    assert run.run(60.0, tmp_path / "run.pt", max_steps=1, final_validation=False) is None
    assert run.run(60.0, tmp_path / "run.pt", stop_after=0.0) is not None
    assert sum(line.startswith("validation") for line in lines) == 1


def test_learning_rates_warm_up_and_fall(tiny_run: TrainConfig, train_images: Images, tmp_path: Path) -> None:
    run = trainer(replace(tiny_run, warmup_steps=4), train_images, {})
    peaks = {tiny_run.learning_rate, tiny_run.table_learning_rate, tiny_run.klt_learning_rate}

    def rates() -> list[float]:
        return sorted(group["lr"] for group in run.optimizer.param_groups)

    run.run(60.0, tmp_path / "run.pt", max_steps=1)
    assert rates() == pytest.approx(sorted(peak / 4 for peak in peaks), rel=1e-3)
    run.run(60.0, tmp_path / "run.pt", max_steps=3)
    assert rates() == pytest.approx(sorted(peaks), rel=1e-3)
    run.seconds = 0.75 * 3600
    run.run(60.0, tmp_path / "run.pt", max_steps=1)
    assert rates() == pytest.approx(sorted(0.5 * peak for peak in peaks), rel=1e-2)
