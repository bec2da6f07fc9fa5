"""Files of one size in one run, by the same slots: each on its own, and in batches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from batches import ask_for, line
from PIL import Image

from cnncompress.batch.jobs import Action, Job, WorkSettings
from cnncompress.batch.pool import Slot, ThreadSlot, thread_slots
from cnncompress.batch.resources import FILES_AT_ONCE, share_out
from cnncompress.batch.schedule import Schedule
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import CnncompressError


@dataclass(frozen=True)
class RunSpeed:
    """Seconds for a run over so many square images of one size, the least of some rounds; the model is loaded.

    Attributes:
        side: In pixels.
        images: How many.
        slots: Threads that read, code and write files side by side.
        at_once: Files that a slot is given at a time.
        compress_alone: PNG files to .cnc files, one at a time in each slot.
        compress_together: The same, in batches.
        test_alone: .cnc files decoded, which are not written, one at a time in each slot.
        test_together: The same, in batches.
    """

    side: int
    images: int
    slots: int
    at_once: int
    compress_alone: float
    compress_together: float
    test_alone: float
    test_together: float


def measure_run(
    images: Sequence[Image.Image], folder: Path, model: ModelSettings, rounds: int, pixels: int | None
) -> RunSpeed:
    """Runs over images with the slots that a GPU gets, by turns.

    Args:
        images: Of one size.
        folder: Where their files go.
        model: What codes them.
        rounds: How often; the fastest counts.
        pixels: How many pixels a batch may have; None for what the engine asks for.
    """
    sources = [folder / f"{number:05}.png" for number in range(len(images))]
    for image, path in zip(images, sources, strict=True):
        image.save(path)
    slots = share_out(("cuda",), len(images), jobs=None, threads=model.threads).slots
    at_once = max(1, min(FILES_AT_ONCE, len(images) // slots))
    times: list[tuple[float, ...]] = []
    with _slots(model, slots, 1, 0) as alone, _slots(model, slots, at_once, pixels) as together:
        _seconds("compress", sources, together)
        for _ in range(rounds):
            found = (_seconds("compress", sources, alone), _seconds("compress", sources, together))
            times.append((*found, _seconds("test", sources, alone), _seconds("test", sources, together)))
    least = [min(each) for each in zip(*times, strict=True)]
    return RunSpeed(images[0].width, len(images), slots, at_once, *least)


def format_run(speed: RunSpeed) -> str:
    """A run as lines of text."""
    return "\n".join(
        [
            f"  files in a run, {speed.slots} slots, {speed.at_once} files at a time",
            line("compress", speed.side, speed.images, speed.compress_alone, speed.compress_together),
            line("test", speed.side, speed.images, speed.test_alone, speed.test_together),
        ]
    )


@contextmanager
def _slots(model: ModelSettings, number: int, at_once: int, pixels: int | None) -> Iterator[Sequence[Slot]]:
    settings = WorkSettings(encode=EncodeSettings("learned"))
    with thread_slots(settings, model, number, load=True, at_once=at_once) as slots:
        assert isinstance(slots[0], ThreadSlot)
        ask_for(slots[0].worker._codecs.encoder(), pixels)
        yield slots


def _seconds(action: Action, sources: Sequence[Path], slots: Sequence[Slot]) -> float:
    files = [path.with_suffix(".cnc") for path in sources]
    if action == "compress":
        jobs = [Job(action, str(path), str(file), replace=True) for path, file in zip(sources, files, strict=True)]
    else:
        jobs = [Job(action, str(file)) for file in files]
    start = time.perf_counter()
    for result in Schedule(jobs, slots, lambda: False).results():
        if result.status != "ok":
            raise CnncompressError(f"{result.input}: {result.error}")
    return time.perf_counter() - start
