"""A run of a few steps: it learns, stops, resumes, and refuses to go on with nonsense."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cnncompress.errors import CnncompressError, InvalidModel
from cnncompress.nn.quality import lambda_at
from cnncompress.training.checkpoint import load_checkpoint, save_checkpoint
from cnncompress.training.config import Phase, TrainConfig
from cnncompress.training.hyperprior import HyperpriorOutput
from cnncompress.training.loop import Trainer
from cnncompress.training.loss import rate_distortion
from cnncompress.training.validation import QualityMeter

CPU = torch.device("cpu")
Images = dict[str, Tensor]


def trainer(config: TrainConfig, images: Images, held_out: Images, lines: list[str] | None = None) -> Trainer:
    return Trainer(config, images, held_out, CPU, log=(lines if lines is not None else []).append)


class Clock:
    """Goes on by a step whenever it is read, and when told to."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def snapshot(run: Trainer) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in run.model.state_dict().items()}


def test_smoke(tiny_run: TrainConfig, train_images: Images, held_out_images: Images, tmp_path: Path) -> None:
    """Two steps of each kind of phase, with a checkpoint after each two."""
    lines: list[str] = []
    run = trainer(tiny_run, train_images, held_out_images, lines)
    before, path = snapshot(run), tmp_path / "runs" / "tiny.pt"
    run.run(1.0, path, max_steps=2, log_every=1)
    assert run.step == 2 and 0 < run.seconds < 30
    assert not torch.are_deterministic_algorithms_enabled()
    after = snapshot(run)
    trained = {name for name, _ in run.model.named_parameters()}
    still = {name for name in trained if torch.equal(before[name], after[name])}
    # Zero layers hold back the gradient of what is before them, and so do qualities that were not drawn.
    assert len(still) < len(trained) / 2 and "network.g_a.klt" not in still
    assert all(torch.isfinite(tensor).all() for tensor in after.values())

    run.seconds = 31.0  # of 60: the second phase
    run.run(1.0, path, max_steps=2)
    assert run.step == 4
    phases = [line for line in lines if line.startswith("phase")]
    assert len(phases) == 2 and "64" in phases[0] and "128" in phases[1]
    steps = [line for line in lines if line.startswith("step")]
    assert len(steps) == 2 and all(math.isfinite(float(line.split()[5])) for line in steps)
    assert sum(line.startswith("validation loss") for line in lines) == 2

    checkpoint = load_checkpoint(path)
    assert (checkpoint.step, checkpoint.config, checkpoint.held_out) == (4, tiny_run, ("chelsea",))
    assert checkpoint.environment.startswith("torch ")


def test_resuming_goes_on_as_if_nothing_had_happened(
    tiny_run: TrainConfig, train_images: Images, tmp_path: Path
) -> None:
    """Bit for bit, with a clock that every run reads alike."""

    def make(config: TrainConfig = tiny_run) -> Trainer:
        ticks = itertools.count()
        return Trainer(config, train_images, {}, CPU, clock=lambda: 0.1 * next(ticks), log=lambda line: None)

    path = tmp_path / "run.pt"
    first = make()
    first.run(60.0, path, max_steps=3)
    torch.manual_seed(99)
    second = make(replace(tiny_run, seed=5))
    weight = "network.h_s.stem.weight"
    assert not torch.equal(second.model.get_parameter(weight), first.model.get_parameter(weight))
    second = make()
    torch.rand(100)
    second.resume(path)
    assert (second.step, second.seconds) == (first.step, first.seconds)
    rng = load_checkpoint(path).rng["cpu"]
    assert torch.equal(torch.get_rng_state(), rng)
    for own, other in zip(second.model.parameters(), first.model.parameters(), strict=True):
        state, expected = second.optimizer.state[own], first.optimizer.state[other]
        for key in ("exp_avg", "exp_avg_sq"):
            assert state[key].stride() == own.stride(), "the fused update takes all of them in memory order"
            assert torch.equal(state[key], expected[key])
    for run in (first, second):
        torch.set_rng_state(rng)
        run.run(60.0, tmp_path / "next.pt", max_steps=2)
    assert first.step == second.step == 5
    for resumed, expected_model in ((second.model, first.model), (second.averaged, first.averaged)):
        for key, tensor in resumed.state_dict().items():
            assert torch.equal(tensor, expected_model.state_dict()[key]), key


def test_average_follows_the_weights(tiny_run: TrainConfig, train_images: Images) -> None:
    run = trainer(tiny_run, train_images, {})
    key = "network.g_a.klt"
    weights = [snapshot(run)[key]]
    run.average.decay = 0.5
    for _ in range(3):
        run._train_step(tiny_run.phases[0], 0.0, QualityMeter(tiny_run.model.anchors, CPU))
        weights.append(snapshot(run)[key])
    expected = 0.125 * weights[0] + 0.125 * weights[1] + 0.25 * weights[2] + 0.5 * weights[3]
    torch.testing.assert_close(run.averaged.state_dict()[key], expected)


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


@torch.no_grad()
def mean_loss(run: Trainer) -> float:
    """Over crops and qualities that are always the same, with the same noise."""
    torch.manual_seed(0)
    position = torch.linspace(0.0, run.config.model.anchors - 1.0, 8)
    losses = []
    for step in range(1000, 1008):
        x = run.crops.batch(8, 64, step)
        output = run.model.train()(x, position)
        lmbda = lambda_at(run.config.model.lambdas, position)
        losses.append(float(rate_distortion(x, output, lmbda, run.config.rate_weight_exponent).loss))
    return sum(losses) / len(losses)


def test_loss_falls(tiny_run: TrainConfig, train_images: Images, tmp_path: Path) -> None:
    """Twenty steps on two images: the offsets of the scales alone bring something."""
    lines: list[str] = []
    config = replace(tiny_run, phases=(Phase(1.0, crop=64, batch=6),), table_learning_rate=0.01)
    run = trainer(config, train_images, {}, lines)
    before = mean_loss(run)
    run.run(60.0, tmp_path / "run.pt", max_steps=20, log_every=5)
    after = mean_loss(run)
    assert after < 0.995 * before
    losses = [float(line.split()[5]) for line in lines if line.startswith("step")]
    assert len(losses) == 4 and all(math.isfinite(loss) for loss in losses)


def test_foreign_checkpoints_are_refused(tiny_run: TrainConfig, train_images: Images, tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    trainer(tiny_run, train_images, {}).run(0.0, path)
    other = replace(tiny_run, model=replace(tiny_run.model, width_8=4))
    with pytest.raises(CnncompressError, match="another configuration"):
        trainer(other, train_images, {}).resume(path)
    checkpoint = load_checkpoint(path)
    for part in ("model", "average", "rng"):
        state = dict(getattr(checkpoint, part))
        state.popitem()
        less: dict[str, Any] = {part: state}
        save_checkpoint(replace(checkpoint, **less), path)
        with pytest.raises(InvalidModel, match="do not fit its configuration"):
            trainer(tiny_run, train_images, {}).resume(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InvalidModel):
        trainer(tiny_run, train_images, {}).resume(path)


def test_a_loss_that_is_not_finite_ends_the_run(tiny_run: TrainConfig, train_images: Images, tmp_path: Path) -> None:
    run = trainer(tiny_run, train_images, {})
    with torch.no_grad():
        run.model.get_parameter("network.g_s.klt")[0, 0] = math.nan
    with pytest.raises(CnncompressError, match="the loss is nan at step 1; resume from the last checkpoint"):
        run.run(60.0, tmp_path / "run.pt", log_every=1)
    assert not (tmp_path / "run.pt").exists()


@pytest.mark.slow
def test_training_needs_no_entropy_coder() -> None:
    script = (
        "import sys, cnncompress.training.loop\n"
        "print(*sorted({'constriction', 'cnncompress.entropy.coder', 'cnncompress.api'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_synthesis_only_leaves_everything_else_alone(
    tiny_run: TrainConfig, train_images: Images, tmp_path: Path
) -> None:
    phases = (Phase(1.0, crop=64, batch=2, synthesis_only=True),)
    run = trainer(replace(tiny_run, phases=phases), train_images, {})
    before = snapshot(run)
    run.run(60, tmp_path / "run.pt", max_steps=3)
    changed = {name for name, tensor in snapshot(run).items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith(("network.g_s.", "network.log_inverse_gain.")) for name in changed)
