"""A run from a folder of images to a weights file that can be used, with a checkpoint in between."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from cnncompress.errors import DeviceError, UnreadableImage
from cnncompress.files import check_output
from cnncompress.model.devices import resolve_device
from cnncompress.model.weights import load_weights
from cnncompress.training.checkpoint import Checkpoint, load_checkpoint
from cnncompress.training.data import hold_out, load_images, split_held_out
from cnncompress.training.export import ExportedWeights, export_weights
from cnncompress.training.hyperprior import trainable_model
from cnncompress.training.job import Job, check_same_run, fitting_crop, plan
from cnncompress.training.loop import Report, Trainer
from cnncompress.training.objective import objective_named
from cnncompress.training.validation import Validation, validate

HELD_OUT = 24
COUNTED_IMAGES = 160
COUNTED_SIDE = 512


class Session:
    """One run: made ready here, then `train`, then `finish`; the same job goes on where the last session stopped.

    Attributes:
        job: What is trained.
        images: Training images by name, uint8 ``[3, H, W]``.
        held_out: Validation images by name.
        resumed: Whether the run goes on from a checkpoint.
        before: Validation of the weights that the run started from; None for a fresh network.
        after: Validation of what was trained, after `train`; None without held-out images of 256x256 pixels.
    """

    def __init__(self, job: Job, on_unreadable: Callable[[UnreadableImage], None] | None = None) -> None:
        """Checks everything that can be checked, then loads the images, and the checkpoint if there is one.

        Args:
            job: What to train.
            on_unreadable: As for `load_images`.

        Raises:
            OutputError: The output cannot be written, or there is a checkpoint of another run.
            DeviceError: The device is not there.
            ModelError: The model to start from is missing, damaged or of another shape than the settings, or the
                checkpoint is damaged.
            UnreadableImage: There are no images, or one cannot be decoded.
        """
        self.job = job
        check_output(str(job.output.absolute()), force=job.force)
        self.device = resolve_device(job.device)
        weights = load_weights(job.start) if job.start is not None else None
        start = trainable_model(weights) if weights else None
        model = weights.network.config if weights else None
        origin = weights.fingerprint.hex() if weights else ""
        on_gpu = self.device.type != "cpu"
        saved = load_checkpoint(job.checkpoint) if job.checkpoint.exists() else None
        config = plan(job, model, origin, on_gpu=on_gpu)
        if saved is not None:
            check_same_run(job, config, saved.config)
        self.images, self.held_out = _split(load_images(job.images, on_unreadable), saved)
        config = (
            saved.config if saved else plan(job, model, origin, on_gpu=on_gpu, crop=fitting_crop(self.images.values()))
        )
        objective = objective_named(config.objective)
        self.before = validate(start.to(self.device), self.held_out.values(), self.device, objective) if start else None
        self.after: Validation | None = None
        self.resumed = saved is not None
        self.trainer = Trainer(config, self.images, self.held_out, self.device, start=start, log=_ignore)
        if saved is not None:
            self.trainer.resume(job.checkpoint)

    @property
    def minutes(self) -> float:
        """Minutes of the budget used."""
        return self.trainer.seconds / 60.0

    def train(self, report: Report, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Trains until the budget is used, with a checkpoint now and then and at the end.

        Args:
            report: Called after every step, or every few on a GPU.
            stopped: Asked before each step; where it returns True, the run ends with a checkpoint.

        Returns:
            Whether the budget is used.

        Raises:
            CnncompressError: The loss is not finite.
            DeviceError: The device has too little memory.
            OutputError: The checkpoint cannot be written.
        """

        # A GPU would wait for the host at every reading of the loss.
        log_every = 1 if self.device.type == "cpu" else 10
        try:
            self.after = self.trainer.run(
                self.job.minutes, self.job.checkpoint, log_every=log_every, report=report, stopped=stopped
            )
        except torch.cuda.OutOfMemoryError as error:
            raise DeviceError(f"{self.device}: too little memory; use smaller batches (--config) or the CPU") from error
        return self.minutes >= self.job.minutes

    def finish(self) -> ExportedWeights:
        """Writes the weights file, and removes the checkpoint.

        Raises:
            InvalidModel: The integer network would not be exact.
            OutputError: The file cannot be written.
        """
        images = counting_images(list(self.images.values()))
        exported = export_weights(self.trainer.checkpoint(), images, self.job.output, force=self.job.force)
        self.job.checkpoint.unlink(missing_ok=True)
        return exported


def counting_images(images: list[Tensor]) -> list[Tensor]:
    """Images on which the probability tables are counted, the same at every call.

    Args:
        images: uint8 ``[3, H, W]`` each.

    Returns:
        160 of them, evenly chosen, or each of fewer as often as it takes; large ones cut to their middle 512x512.
    """
    rounds = -(-COUNTED_IMAGES // len(images))
    # Qualities follow the order, so every round begins elsewhere: an image shall not meet the same quality again.
    order = [
        image for shift in range(rounds) for image in images[shift % len(images) :] + images[: shift % len(images)]
    ]
    step = max(1.0, len(images) / COUNTED_IMAGES)
    return [_middle(order[int(i * step)]) for i in range(COUNTED_IMAGES)]


def _middle(image: Tensor) -> Tensor:
    top, left = (max(0, (side - COUNTED_SIDE) // 2) for side in image.shape[1:])
    return image[:, top : top + COUNTED_SIDE, left : left + COUNTED_SIDE]


def _split(images: dict[str, Tensor], saved: Checkpoint | None) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Training and validation images; a run keeps its validation images when others come to its folder."""
    if saved is None:
        return split_held_out(images, HELD_OUT)
    train, held_out = hold_out(images, saved.held_out)
    if not train:
        raise UnreadableImage("all of the images are held out for validation by the run that is to go on")
    return train, held_out


def _ignore(line: str) -> None:
    pass
