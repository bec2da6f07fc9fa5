"""The training loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from cnncompress.errors import CnncompressError, InvalidModel, LostProcess
from cnncompress.training.average import WeightAverage, decay_over
from cnncompress.training.checkpoint import (
    Checkpoint,
    environment_text,
    generator_states,
    load_checkpoint,
    save_checkpoint,
)
from cnncompress.training.config import Phase, TrainConfig
from cnncompress.training.crops import RandomCrops
from cnncompress.training.distributed import ALONE, Processes
from cnncompress.training.hyperprior import HyperpriorModel, HyperpriorOutput, TrainableModel
from cnncompress.training.initialise import initialise, patch_covariance, untrained_model
from cnncompress.training.loss import RateDistortion, rate_distortion
from cnncompress.training.objective import objective_named
from cnncompress.training.run_clock import Interval, RunClock
from cnncompress.training.step import build_optimizer, choose_parameters, draw_qualities, full_precision
from cnncompress.training.validation import QualityMeter, Validation, validate

KLT_PATCHES = 200_000

SAVE_EVERY = 180.0
VALIDATE_EVERY = 900.0
"""Seconds of training between checkpoints, and between validations."""

Report = Callable[[int, float, float], None]
"""Takes the steps done, the minutes of the budget used, and the mean loss since the last call."""


class Trainer:
    """A run that can be stopped after any step and resumed."""

    def __init__(
        self,
        config: TrainConfig,
        images: dict[str, Tensor],
        held_out: dict[str, Tensor],
        device: torch.device,
        *,
        start: TrainableModel | None = None,
        compiled: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        log: Callable[[str], None] = print,
        processes: Processes = ALONE,
    ) -> None:
        """Builds and initialises the model, or takes the one to start from.

        Args:
            config: What to train.
            images: Training images by name, uint8 ``[3, H, W]``.
            held_out: Validation images by name.
            device: Where to train, and where the images are kept; bf16 autocast is used on every kind.
            start: Model to train on, of the configuration's shape.
            compiled: Whether to compile forward and backward pass, anew for each phase, whose shapes are fixed, and
                with the clock stopped; None does so on CUDA devices only.
            clock: Seconds that count against the time budget; `time.process_time` makes runs comparable on a machine
                with other work to do.
            log: Receives one line of text at a time; of the first process only.
            processes: Those that train together; each is given the same of all else.

        Raises:
            CnncompressError: A phase's batch cannot be shared out to the processes.
        """
        torch.manual_seed(config.seed)
        self.config = config
        self.objective = objective_named(config.objective)
        self.held_out = held_out
        self.device = device
        self.clock = clock
        self.log = log if processes.leads else lambda line: None
        self.processes = processes
        self.step = 0
        self.seconds = 0.0
        for phase in config.phases:
            processes.share(phase.batch)
        if start is None:
            model = untrained_model(config)
            if isinstance(model, HyperpriorModel):
                initialise(model, patch_covariance(list(images.values()), KLT_PATCHES, config.seed))
        else:
            model = start
        self.model = model.to(device).to(memory_format=torch.channels_last)
        # A second way to call the same module: its parameters' names, the average and validation stay as they are.
        self.forward: Callable[..., HyperpriorOutput] = self.model
        if compiled or (compiled is None and device.type == "cuda"):
            self.forward = torch.compile(self.model, dynamic=False)
        self.average = WeightAverage(self.model)
        self.crops = RandomCrops(images.values(), device, config.augmentation, processes.seed(config.seed))
        self.optimizer = build_optimizer(self.model, config)
        self.peak_rates = [group["lr"] for group in self.optimizer.param_groups]

    @property
    def averaged(self) -> TrainableModel:
        """The model with averaged weights."""
        return self.average.module

    def warm_up(self, phase: Phase) -> float:
        """Runs a step of a phase forward and backward and discards it, for work that is done once.

        That is the compiling, if there is any, and cuDNN's choice of kernels. Weights, moments, the count of steps and
        the random numbers to come stay as they are. Waits for the device, and returns the loss.
        """
        choose_parameters(self.model, phase)
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []), full_precision(self.device):
            loss = self._forward(phase)[1].loss
            loss.backward()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def resume(self, path: Path) -> None:
        """Goes on from a checkpoint of a run with the same model configuration.

        Raises:
            InvalidModel: The file is no checkpoint, or its contents do not fit its configuration.
            CnncompressError: The checkpoint has another model configuration.
        """
        checkpoint = load_checkpoint(path)
        if checkpoint.config.model != self.config.model:
            raise CnncompressError(f"{path}: checkpoint of a model with another configuration")
        try:
            checkpoint.restore(self.model, self.average, self.optimizer, self.device)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise InvalidModel(f"{path}: not a checkpoint: its contents do not fit its configuration") from error
        self.step, self.seconds = checkpoint.step, checkpoint.seconds

    def checkpoint(self) -> Checkpoint:
        """Returns the state of the run."""
        return Checkpoint(
            config=self.config,
            step=self.step,
            seconds=self.seconds,
            model=self.model.state_dict(),
            average=self.average.state_dict(),
            optimizer=self.optimizer.state_dict(),
            rng=generator_states(self.device),
            held_out=tuple(self.held_out),
            environment=environment_text(self.device),
        )

    def run(
        self,
        minutes: float,
        path: Path,
        *,
        log_every: int = 100,
        stop_after: float = math.inf,
        max_steps: int | None = None,
        report: Report | None = None,
        stopped: Callable[[], bool] = lambda: False,
        final_validation: bool = True,
    ) -> Validation | None:
        """Trains until the time budget is used.

        Args:
            minutes: Budget of the whole run, earlier parts of it included; the schedule follows the share used.
            path: Checkpoint, written now and then and at the end.
            log_every: Steps between log lines.
            stop_after: Seconds of real time after which no step is begun, however much of the budget is left; saving
                and the final validation follow.
            max_steps: Ends the call after this many steps.
            report: Called with each log line.
            stopped: Asked before each step; where it returns True, the call ends with a checkpoint.
            final_validation: Whether to validate at the end of the call as well, unless `stopped` ended it.

        Returns:
            What the final validation measured; None without it, or without held-out images of at least 256x256 pixels.

        Raises:
            CnncompressError: The loss is not finite.
            LostProcess: Another process of the run has ended; there is a checkpoint, of this step if possible.
            OutputError: The checkpoint cannot be written.
        """
        budget = 60.0 * minutes
        deadline = time.monotonic() + stop_after
        last_step = math.inf if max_steps is None else self.step + max_steps
        updated = self.seconds - (self.seconds / self.step if self.step else math.inf)
        clock = RunClock(self.clock, self.seconds)
        saving, validating = Interval(SAVE_EVERY, self.seconds), Interval(VALIDATE_EVERY, self.seconds)
        meter = QualityMeter(self.config.model.anchors, self.device)
        phase: Phase | None = None
        if not self.processes.leads:  # or it would draw the qualities and the noise of the first
            torch.manual_seed(self.processes.seed(self.config.seed + self.step))
        with full_precision(self.device), self._rescued(path):
            while True:
                going = self.seconds < budget and time.monotonic() < deadline and self.step < last_step
                self.seconds, going = self.processes.agree(self.seconds, going and not stopped())
                if not going:
                    break
                current = self.config.phase_at(self.seconds / budget)
                if current is not phase:
                    phase = current
                    choose_parameters(self.model, phase)
                    self.log(f"phase {phase}")
                    if self.forward is not self.model:
                        with clock.paused():
                            self.warm_up(phase)
                self.average.decay = decay_over(self.seconds - updated, self.config.ema_seconds)
                updated = self.seconds
                self._train_step(phase, self.seconds / budget, meter)
                # Nothing in a step waits for the device. Its queue holds about a thousand operations, a few steps, and
                # then makes the host wait, so that the clock is ahead of the device by no more than those; log lines,
                # checkpoints and validation read results, and are the only places where the two meet.
                self.seconds = clock.seconds()
                if not self.processes.leads:
                    continue
                if self.step % log_every == 0:
                    loss = self._log_progress(meter)
                    if report is not None:
                        report(self.step, self.seconds / 60.0, loss)
                if saving.is_over(self.seconds):
                    save_checkpoint(self.checkpoint(), path)
                if validating.is_over(self.seconds):
                    self.validate()
        if not self.processes.leads:
            return None
        save_checkpoint(self.checkpoint(), path)
        return self.validate() if final_validation and not stopped() else None

    @contextmanager
    def _rescued(self, path: Path) -> Iterator[None]:
        """Saves the state if another process is lost, and adds so to the error.

        On a GPU it does not: what is queued behind the lost gradients computes with nothing. Nor may several processes
        that are left write at once.
        """
        try:
            yield
        except LostProcess as error:
            alone = self.processes.leads or self.processes.count == 2
            finite = all(bool(torch.isfinite(parameter).all()) for parameter in self.model.parameters())
            if self.device.type == "cpu" and alone and finite:
                save_checkpoint(self.checkpoint(), path)
                raise LostProcess(f"{error}; saved step {self.step}") from error
            raise

    def validate(self) -> Validation | None:
        """Measures the averaged weights on the held-out images; None if none of them has 256x256 pixels."""
        result = validate(self.averaged, self.held_out.values(), self.device, self.objective)
        self.log(str(result) if result else "no held-out image is large enough for validation")
        return result

    def _forward(self, phase: Phase) -> tuple[Tensor, RateDistortion]:
        """Queues the forward pass of a step; returns qualities, as places among the anchors, and the loss."""
        config = self.config
        x = self.crops.batch(self.processes.share(phase.batch), phase.crop, self.step)
        position, lmbda = draw_qualities(config.model, len(x), self.device)
        self.model.train(not phase.synthesis_only)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            output = self.forward(x, position, simulate_integers=phase.simulate_integers)
        return position, rate_distortion(x, output, lmbda, config.rate_weight_exponent, self.objective)

    def _train_step(self, phase: Phase, progress: float, meter: QualityMeter) -> None:
        """Queues a step. On a GPU nothing here may read a result, nor copy from the host and wait for it."""
        warmup = min(1.0, (self.step + 1) / self.config.warmup_steps)
        rate = warmup * self.config.rate_at(progress)
        for group, peak in zip(self.optimizer.param_groups, self.peak_rates, strict=True):
            group["lr"] = peak * rate
        position, result = self._forward(phase)
        self.optimizer.zero_grad(set_to_none=True)
        result.loss.backward()
        self.processes.average_gradients(self.model.parameters())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        meter.add(position, result)
        self.step += 1

    def _log_progress(self, meter: QualityMeter) -> float:
        loss, text = meter.read()
        self.log(f"step {self.step} minutes {self.seconds / 60:.1f} loss {loss:.4f} {text}")
        if not math.isfinite(loss):
            raise CnncompressError(f"the loss is {loss} at step {self.step}; resume from the last checkpoint")
        return loss
