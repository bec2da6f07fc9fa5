"""Sessions: what is trained on, counted on and held out, when they start, stop and go on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from cnncompress.errors import CnncompressError, DeviceError, OutputExists, UnreadableImage
from cnncompress.model.weights import load_weights
from cnncompress.training import session as session_module
from cnncompress.training.config import TrainConfig
from cnncompress.training.export import counting_images
from cnncompress.training.job import Job
from cnncompress.training.loop import Trainer
from cnncompress.training.session import Session


def save(pixels: NDArray[np.uint8], path: Path) -> None:
    Image.fromarray(pixels).save(path, compress_level=1)


@pytest.fixture
def job(chelsea: NDArray[np.uint8], tiny_run: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """Ten images, of which one is held out for validation; tables are counted on fewer than a real model's."""
    monkeypatch.setattr(session_module, "counting_images", partial(counting_images, count=8))
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(10):
        save(chelsea[:256, 10 * index : 10 * index + 256], folder / f"{index}.png")
    return Job((folder,), tmp_path / "out.safetensors", None, 60.0, "cpu", tiny_run)


def train(session: Session, until: int) -> bool:
    """Trains until a step."""
    return session.train(lambda step, minutes, loss: None, lambda: session.trainer.step >= until)


def test_stop_and_go_on(job: Job, chelsea: NDArray[np.uint8]) -> None:
    first = Session(job)
    assert (len(first.images), list(first.held_out), first.resumed) == (9, ["5.png"], False)
    calls: list[tuple[int, float, float]] = []

    assert first.train(lambda *call: calls.append(call), lambda: first.trainer.step == 3) is False
    assert [step for step, _, _ in calls] == [1, 2, 3]
    assert 0 < calls[0][1] < calls[1][1] < calls[2][1] == first.minutes < 1 and all(loss > 0 for *_, loss in calls)
    assert first.before is None and first.after is None

    for index in range(10):  # would move the held-out images of a new run
        save(chelsea[:70, 10 * index : 10 * index + 70], job.images[0] / f"0{index}.png")
    second = Session(job)
    assert (len(second.images), list(second.held_out), second.resumed) == (19, ["5.png"], True)
    assert (second.trainer.step, second.minutes) == (3, first.minutes)
    assert train(second, 4) is False and second.trainer.step == 4

    third = Session(replace(job, minutes=second.minutes))
    assert train(third, 99) is True, "nothing was left to do"
    assert third.after is not None
    third.finish()
    assert load_weights(job.output).config == third.trainer.config.model
    assert not job.checkpoint.exists()
    with pytest.raises(OutputExists):
        Session(job)


def test_before_and_after(job: Job) -> None:
    run = Session(job)
    assert train(run, 1) is False
    run.finish()
    tuned = Session(replace(job, output=job.output.with_name("tuned.safetensors"), start=str(job.output), minutes=1e-6))
    assert tuned.before is not None and tuned.after is None
    assert train(tuned, 9) is True and tuned.trainer.step == 1
    assert tuned.after is not None and tuned.after != tuned.before
    assert tuned.after.loss == pytest.approx(tuned.before.loss, rel=0.5)


def test_nothing_left_to_train_on(job: Job) -> None:
    train(Session(job), 1)
    with pytest.raises(UnreadableImage, match="the resumed run holds out all of these images"):
        Session(replace(job, images=(job.images[0] / "5.png",)))


def test_failures_while_training(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Session(job)
    for error, expected, message in [
        (torch.cuda.OutOfMemoryError("much text"), DeviceError, "cpu: too little memory"),
        (CnncompressError("the loss is nan"), CnncompressError, "the loss is nan"),
    ]:

        def fail(*args: object, _error: Exception = error, **kwargs: object) -> None:
            raise _error

        monkeypatch.setattr(Trainer, "run", fail)
        with pytest.raises(expected, match=message):
            train(run, 1)
