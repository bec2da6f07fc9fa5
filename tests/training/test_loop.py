"""A run of a few steps: it learns, resumes as if nothing had happened, and refuses to go on with nonsense."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from training_runs import CPU, Images, snapshot, trainer

from cnncompress.errors import CnncompressError, InvalidModel
from cnncompress.nn.quality import lambda_at
from cnncompress.training.checkpoint import load_checkpoint, save_checkpoint
from cnncompress.training.config import Phase, TrainConfig
from cnncompress.training.loop import Trainer
from cnncompress.training.loss import rate_distortion
from cnncompress.training.validation import QualityMeter


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
