"""A whole run, from a folder of images to a weights file, with a checkpoint in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from cnncompress.engines.torch_devices import resolve_device
from cnncompress.errors import DeviceError, InvalidModel, OutputError, UnknownModel, UnreadableImage
from cnncompress.files.kinds import reason
from cnncompress.files.outputs import check_output
from cnncompress.model.manifest import read_manifest
from cnncompress.model.weights import load_weights
from cnncompress.training.checkpoint import Checkpoint, load_checkpoint
from cnncompress.training.config import HYPERPRIOR
from cnncompress.training.data import hold_out, load_images, split_held_out
from cnncompress.training.distributed import ALONE, Processes, own_device
from cnncompress.training.export import ExportedWeights, averaged_model, counting_images, export_weights
from cnncompress.training.hyperprior import HyperpriorModel, trainable_model
from cnncompress.training.initialise import untrained_model
from cnncompress.training.job import Job, check_same_run, fitting_crop, plan
from cnncompress.training.loop import Report, Trainer
from cnncompress.training.objective import objective_named
from cnncompress.training.tensor_files import is_tensor_file
from cnncompress.training.validation import Validation, validate

HELD_OUT = 24

_CLOCKS = {"wall": time.monotonic, "cpu": time.process_time}


class Session:
    """One run: call `train`, then `finish`. A new session of the same job goes on where the last one stopped.

    Attributes:
        job: What is trained.
        images: Training images by name, uint8 ``[3, H, W]``.
        held_out: Validation images by name.
        keeps_held_out: Whether the run goes on with other validation images than the job asks for: those that it began
            with.
        resumed: Whether the run goes on from a checkpoint, its own or the one that it starts from.
        before: Validation of the weights that the run started from; None for a fresh network.
        after: Validation of what was trained, after `train`; None without held-out images of 256x256 pixels.
    """

    def __init__(
        self,
        job: Job,
        *,
        on_unreadable: Callable[[UnreadableImage], None] | None = None,
        log: Callable[[str], None] | None = None,
        processes: Processes = ALONE,
    ) -> None:
        """Checks the job, then loads the images, and the checkpoint if there is one.

        Args:
            job: What to train.
            on_unreadable: As for `load_images`.
            log: Receives lines about phases, steps and validations.
            processes: Those that train together; each makes a session of the same job.

        Raises:
            OutputError: The output cannot be written, or there is a checkpoint of another run.
            DeviceError: The device is not there.
            ModelError: The model to start from is missing, damaged or of another shape than the settings, the
                checkpoint is damaged, or the codec cannot run the network that would be exported.
            UnreadableImage: There are no images, or one cannot be decoded.
        """
        self._began = time.monotonic()
        self._log = log
        self.job = job
        if job.export:
            check_output(str(job.output.absolute()), force=job.force)
        self.device = resolve_device(own_device(job.device))
        start, origin, earlier = _start(job.start)
        model = start.config if start else None
        saved = load_checkpoint(job.checkpoint) if job.checkpoint.exists() else None
        on_gpu, earlier_config = self.device.type != "cpu", earlier.config if earlier else None
        make_plan = partial(plan, job, model, origin, on_gpu=on_gpu, earlier=earlier_config)
        config = make_plan()
        if job.export and config.network != HYPERPRIOR:
            raise InvalidModel(f"a {config.network} network cannot be exported, as the codec does not run it")
        if saved is not None:
            check_same_run(job, config, saved.config)
        images = load_images(job.images, on_unreadable)
        self.images, self.held_out = _split(images, job, saved or earlier)
        self.keeps_held_out = (
            saved is not None
            and job.held_out is not None
            and (_asked_for(job.held_out, images) != self.held_out.keys())
        )
        config = saved.config if saved else make_plan(crop=fitting_crop(self.images.values()))
        objective = objective_named(config.objective)
        self.before: Validation | None = None
        if start is not None and processes.leads:
            with _memory_errors(self.device):
                self.before = validate(start.to(self.device), self.held_out.values(), self.device, objective)
        self.after: Validation | None = None
        self.resumed = saved is not None or earlier is not None
        self.trainer = Trainer(
            config,
            self.images,
            self.held_out,
            self.device,
            start=start or (untrained_model(config) if saved else None),  # the checkpoint fills it
            compiled=job.compiled,
            clock=_CLOCKS[job.clock],
            log=log or _ignore,
            processes=processes,
        )
        if saved is not None:
            self.trainer.resume(job.checkpoint)
        elif earlier is not None:
            self.trainer.resume(Path(str(job.start)))

    @property
    def minutes(self) -> float:
        """Minutes of the budget used."""
        return self.trainer.seconds / 60.0

    def train(self, report: Report, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Trains until the budget is used, with a checkpoint now and then and at the end.

        Args:
            report: Called after every step, or every few on a GPU; every 100 of them where there is a log.
            stopped: Asked before each step; where it returns True, the run ends with a checkpoint.

        Returns:
            Whether the budget is used.

        Raises:
            CnncompressError: The loss is not finite.
            LostProcess: Another process of the run has ended.
            DeviceError: The device has too little memory.
            OutputError: The checkpoint cannot be written.
        """
        # A GPU would wait for the host at every reading of the loss.
        often = 1 if self.device.type == "cpu" else 10
        with _memory_errors(self.device):
            self.after = self.trainer.run(
                self.job.minutes,
                self.job.checkpoint,
                log_every=100 if self._log else often,
                stop_after=60.0 * self.job.stop_after + self._began - time.monotonic(),
                report=report,
                stopped=stopped,
            )
        return self.minutes >= self.job.minutes

    def finish(self) -> ExportedWeights:
        """Writes the weights file, and removes the checkpoint; by the first process alone.

        Raises:
            InvalidModel: The integer network would not be exact.
            OutputError: The file cannot be written.
        """
        images = counting_images(list(self.images.values()))
        exported = export_weights(self.trainer.checkpoint(), images, self.job.output, force=self.job.force)
        try:
            self.job.checkpoint.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"written, but {self.job.checkpoint} is not removed: {reason(error)}") from error
        return exported


@contextmanager
def _memory_errors(device: torch.device) -> Iterator[None]:
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        raise DeviceError(f"{device}: too little memory; use smaller batches (--config) or the CPU") from error


def _start(name: str | None) -> tuple[HyperpriorModel | None, str, Checkpoint | None]:
    """Returns the model to start from, the fingerprint of the weights at its origin, and the checkpoint it is from."""
    if name is None:
        return None, "", None
    if is_tensor_file(Path(name)):
        earlier = load_checkpoint(Path(name))
        return averaged_model(earlier), earlier.config.origin, earlier
    weights = load_weights(name)
    return trainable_model(weights), weights.fingerprint.hex(), None


def _split(
    images: dict[str, Tensor], job: Job, earlier: Checkpoint | None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Returns training and validation images; a run keeps its validation images when others come to its folder."""
    if earlier is not None and (job.held_out is None or job.checkpoint.exists()):
        names: Container[str] = earlier.held_out
    else:
        names = _asked_for(job.held_out, images)
    train, held_out = hold_out(images, names)
    if not train:
        raise UnreadableImage("the resumed run holds out all of these images for validation")
    return train, held_out


def _asked_for(held_out: str | None, images: dict[str, Tensor]) -> set[str]:
    """Returns the names of the validation images of a run that begins."""
    if held_out is None or held_out.isdecimal():
        return set(split_held_out(images, HELD_OUT if held_out is None else int(held_out))[1])
    return _held_out_by(held_out, images)


def _held_out_by(model: str, images: dict[str, Tensor]) -> set[str]:
    """Returns the names of the images that an installed model holds out, wherever they lie now."""
    entry = read_manifest().by_name(model)
    if entry is None:
        raise UnknownModel(f"no model named {model!r} to hold out the same images")
    files = {Path(name).name for name in entry.training.held_out}
    if not files:
        raise InvalidModel(f"the manifest names no held-out images of {model}")
    names = {name for name in images if Path(name).name in files}
    if not names:
        raise UnreadableImage(f"none of the {len(files)} held-out images of {model} was found")
    return names


def _ignore(line: str) -> None:
    pass
