"""The training loop."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from cnncompress.errors import CnncompressError
from cnncompress.nn.hyperprior import HyperpriorModel
from cnncompress.training.channel_scales import add_channel_scales
from cnncompress.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from cnncompress.training.config import Phase, TrainConfig
from cnncompress.training.data import RandomCrops
from cnncompress.training.initialise import initialise, patch_covariance, set_patch_basis
from cnncompress.training.loss import lambda_at, rate_distortion
from cnncompress.training.progress import QualityMeter, Validation, validate
from cnncompress.training.seed_article import SeedArticleModel

KLT_PATCHES = 200_000


class Trainer:
    """A run that can be stopped after any step and resumed."""

    def __init__(
        self,
        config: TrainConfig,
        images: dict[str, Tensor],
        held_out: dict[str, Tensor],
        device: torch.device,
        *,
        start: HyperpriorModel | None = None,
        workers: int = 0,
        clock: Callable[[], float] = time.monotonic,
        log: Callable[[str], None] = print,
    ) -> None:
        """Builds and initialises the model, or takes the one to start from.

        Args:
            config: What to train.
            images: Training images by name, uint8 ``[3, H, W]``.
            held_out: Validation images by name.
            device: Where to train; bf16 autocast is used on every kind.
            start: Model to train on, of the configuration's shape.
            workers: Processes that prepare crops; 0 prepares them in this one.
            clock: Seconds that count against the time budget; `time.process_time` makes runs comparable on a machine
                with other work to do.
            log: Receives one line of text at a time.
        """
        torch.manual_seed(config.seed)
        self.config = config
        self.images = list(images.values())
        self.held_out = held_out
        self.device = device
        self.workers = workers
        self.clock = clock
        self.log = log
        self.step = 0
        self.seconds = 0.0
        if start is None:
            model = self._fresh_model()
        else:
            model = start
        self.model = model.to(device).to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay))
        self.optimizer = self._optimizer()
        self.peak_rates = [group["lr"] for group in self.optimizer.param_groups]

    @property
    def averaged(self) -> HyperpriorModel:
        """The model with averaged weights."""
        return cast(HyperpriorModel, self.average.module)

    def _fresh_model(self) -> HyperpriorModel:
        config = self.config
        if config.network == "seed-article":
            return cast(HyperpriorModel, SeedArticleModel(config.model))
        model = HyperpriorModel(config.model)
        initialise(model, patch_covariance(self.images, KLT_PATCHES, config.seed, config.model.klt_window))
        if config.model.patch_basis != "pixels":
            set_patch_basis(model, patch_covariance(self.images, KLT_PATCHES, config.seed, 8))
        if config.channel_scales:
            add_channel_scales(model.network)
        return model

    def _optimizer(self) -> torch.optim.Optimizer:
        groups: dict[float, list[Tensor]] = {}
        for name, parameter in self.model.named_parameters():
            rate = self.config.learning_rate
            if name.endswith(".table"):
                rate = self.config.table_learning_rate
            elif name.endswith(".klt"):
                rate = self.config.klt_learning_rate
            groups.setdefault(rate, []).append(parameter)
        if self.config.optimizer == "soap":
            from pytorch_optimizer import SOAP

            # A largest dimension of 1 leaves tables and the linear path to what is Adam then.
            plain = {"max_precondition_dim": 1, "betas": (0.9, 0.999)}
            return SOAP(
                [
                    {"params": parameters, "lr": rate, **({} if rate == self.config.learning_rate else plain)}
                    for rate, parameters in groups.items()
                ],
                weight_decay=0.0,
                max_precondition_dim=512,
            )
        return torch.optim.Adam([{"params": parameters, "lr": rate} for rate, parameters in groups.items()], fused=True)

    def resume(self, path: Path) -> None:
        """Goes on from a checkpoint of a run with the same configuration.

        Raises:
            InvalidModel: The file is no checkpoint.
            CnncompressError: The checkpoint has another model configuration.
        """
        checkpoint = load_checkpoint(path)
        if checkpoint.config.model != self.config.model:
            raise CnncompressError(f"{path}: checkpoint of a model with another configuration")
        self.model.load_state_dict(checkpoint.model)
        self.average.load_state_dict(checkpoint.average)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        torch.set_rng_state(checkpoint.rng)
        self.step, self.seconds = checkpoint.step, checkpoint.seconds

    def checkpoint(self) -> Checkpoint:
        """The state of the run."""
        return Checkpoint(
            config=self.config,
            step=self.step,
            seconds=self.seconds,
            model=self.model.state_dict(),
            average=self.average.state_dict(),
            optimizer=self.optimizer.state_dict(),
            rng=torch.get_rng_state(),
            held_out=tuple(self.held_out),
            environment=f"torch {torch.__version__}, {self.device.type}, {platform.machine()}",
        )

    def run(
        self,
        minutes: float,
        path: Path,
        *,
        save_every: float = 180.0,
        validate_every: float = 900.0,
        log_every: int = 100,
        stop_after: float = math.inf,
        max_steps: int | None = None,
    ) -> Validation | None:
        """Trains until the time budget is used.

        Args:
            minutes: Budget of the whole run, earlier parts of it included; the schedule follows the share used.
            path: Checkpoint, written now and then and at the end.
            save_every: Seconds between checkpoints.
            validate_every: Seconds between validations.
            log_every: Steps between log lines.
            stop_after: Seconds after which this call ends with a checkpoint, however much of the budget is left.
            max_steps: Ends the call after this many steps.

        Returns:
            What the last validation measured; None without held-out images of at least 256x256 pixels.

        Raises:
            CnncompressError: The loss is not finite.
        """
        budget = minutes * 60.0
        started = saved = validated = self.clock()
        before, first_step = self.seconds, self.step
        meter = QualityMeter(self.config.model.anchors, self.device)
        phase: Phase | None = None
        crops: Iterator[Tensor] = iter(())
        while self.seconds < budget and self.clock() - started < stop_after:
            current = self.config.phase_at(self.seconds / budget)
            if current is not phase:
                phase, crops = current, self._crops(current)
                self._choose_parameters(phase)
                self.log(f"phase {phase}")
            self._train_step(next(crops), phase, self.seconds / budget, meter)
            now = self.clock()
            self.seconds = before + now - started
            if self.step % log_every == 0:
                self._log_progress(meter)
            if now - saved > save_every:
                save_checkpoint(self.checkpoint(), path)
                saved = now
            if now - validated > validate_every:
                self._validate()
                validated = now
            if max_steps is not None and self.step - first_step >= max_steps:
                break
        save_checkpoint(self.checkpoint(), path)
        return self._validate()

    def _validate(self) -> Validation | None:
        result = validate(self.averaged, self.held_out.values(), self.device)
        self.log(str(result) if result else "no held-out image is large enough for validation")
        return result

    def _choose_parameters(self, phase: Phase) -> None:
        for name, parameter in self.model.named_parameters():
            in_synthesis = name.startswith(("network.g_s.", "network.log_inverse_gain."))
            parameter.requires_grad_(in_synthesis or not phase.synthesis_only)

    def _crops(self, phase: Phase) -> Iterator[Tensor]:
        stream = RandomCrops(
            self.images, phase.crop, self.config.augmentation, seed=self.config.seed + 1000 * (self.step + 1)
        )
        loader = DataLoader(
            stream,
            phase.batch,
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            drop_last=True,
        )
        return iter(loader)

    def _train_step(self, batch: Tensor, phase: Phase, progress: float, meter: QualityMeter) -> None:
        config = self.config
        x = batch.to(self.device, non_blocking=True).float().div_(255.0)
        x = x.contiguous(memory_format=torch.channels_last)
        # One quality from each of B equal parts of the range.
        slots = torch.arange(len(x), device=self.device)
        position = (slots + torch.rand(len(x), device=self.device)) / len(x) * (config.model.anchors - 1)
        lmbda = lambda_at(config.model.lambdas, position)

        warmup = min(1.0, (self.step + 1) / config.warmup_steps)
        rate = warmup * config.rate_at(progress)
        for group, peak in zip(self.optimizer.param_groups, self.peak_rates, strict=True):
            group["lr"] = peak * rate

        self.model.train(not phase.synthesis_only)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            output = self.model(x, position, simulate_integers=phase.simulate_integers)
        result = rate_distortion(x, output, lmbda, config.rate_weight_exponent)
        self.optimizer.zero_grad(set_to_none=True)
        result.loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        meter.add(position, result)
        self.step += 1

    def _log_progress(self, meter: QualityMeter) -> None:
        loss, text = meter.read()
        self.log(f"step {self.step} minutes {self.seconds / 60:.1f} loss {loss:.4f} {text}")
        if not math.isfinite(loss):
            raise CnncompressError(f"the loss is {loss} at step {self.step}; resume from the last checkpoint")
