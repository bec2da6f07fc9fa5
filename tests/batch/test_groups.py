"""Files wait for each other where the engine wants batches, and nothing but that changes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from batching import close, force_batches
from numpy.typing import NDArray
from PIL import Image

from cnncompress.api.codec import Codec
from cnncompress.batch.groups import MOST_WAITING, Group, Ready, Steps
from cnncompress.batch.jobs import Job, WorkSettings
from cnncompress.batch.outcomes import Result
from cnncompress.batch.pool import ThreadSlot, thread_slots
from cnncompress.batch.request import TarWork
from cnncompress.batch.resources import PixelBudget
from cnncompress.batch.schedule import Schedule
from cnncompress.batch.worker import Worker
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.probe import probe
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
QUALITY = Hundredths(50_00)
LEARNED = WorkSettings(quality=QUALITY, encode=EncodeSettings("learned"))
MEGAPIXEL = 1 << 20
TORCH = ModelSettings(device="cpu", engine="torch")


class Waiting:
    """As much of what the networks are run for as a group looks at."""

    def __init__(self, pixels: int, pixels_at_once: int) -> None:
        self.pixels = pixels
        self.pixels_at_once = pixels_at_once


def steps(name: str, begun: list[str], ready: Waiting | None = None) -> Steps[str]:
    begun.append(name)
    if ready is not None:
        yield cast("Ready", ready)
    return name


@pytest.mark.parametrize(
    ("at_once", "sizes", "expected"),
    [
        (0, [10, 10, 10], ["a", "b", "c"]),
        (100, [40, 40, 40, 40], ["", "", "abc", "", "d"]),
        (100, [40, 500, 40], ["", "ab", "", "c"]),
        (100, [0, 40, 0, 60], ["a", "", "", "bcd"]),
    ],
)
def test_work_waits_until_there_is_enough(at_once: int, sizes: list[int], expected: list[str]) -> None:
    """A size of 0 is a file that needs no networks; the last of what is expected comes at the end."""
    begun: list[str] = []
    group: Group[str] = Group(PixelBudget())
    found = []
    for name, size in zip("abcd", sizes, strict=False):
        found.append("".join(group.add(steps(name, begun, Waiting(size, at_once) if size else None))))
        assert begun[-1] == name
    if rest := "".join(group.end()):
        found.append(rest)
    assert found == expected and len(group) == 0


def test_no_more_than_so_many_files_wait() -> None:
    group: Group[str] = Group(PixelBudget())
    begun: list[str] = []
    assert not list(group.add(steps("first", begun, Waiting(1, MEGAPIXEL))))
    most = 1
    while not list(group.add(steps("other", begun))):
        most = max(most, len(group))
    assert most == MOST_WAITING - 1


@pytest.fixture
def images(coffee: Pixels, tmp_path: Path) -> list[Path]:
    """Four photographs that the networks see as 64x128, one that they do not, one too large, and no image."""
    paths = [tmp_path / f"{number}.png" for number in range(7)]
    for number, path in enumerate(paths):
        height, width = (100, 130) if number == 2 else (200, 600) if number == 5 else (60 + number % 4, 100 + number)
        Image.fromarray(coffee[10 * number : 10 * number + height, 40 : 40 + width]).save(path)
    paths[3].write_bytes(b"no image")
    return paths


def batching(settings: WorkSettings, pixels_at_once: int = 4 * 64 * 128) -> tuple[Worker, list[int]]:
    worker = Worker(settings, TORCH)
    return worker, force_batches(worker._codecs.encoder(), pixels_at_once)


def jobs(action: str, sources: list[Path], ending: str) -> list[Job]:
    return [Job(action, str(path), str(path.with_suffix(ending))) for path in sources]  # type: ignore[arg-type]


def test_files_of_a_run(images: list[Path], codec: Codec) -> None:
    """Those of other sizes, those that fail and those that are damaged change nothing for the others."""
    worker, counts = batching(LEARNED)
    results = list(worker.run_all(jobs("compress", images, ".cnc")))
    assert [result.input for result in results] == [str(path) for path in images]
    assert [result.status for result in results] == ["ok"] * 3 + ["error"] + ["ok"] * 3
    assert results[3].exit_code == 3 and "image" in str(results[3].error)
    assert counts == [3, 1, 1, 1], "the large one ends the waiting"
    for path, result in zip(images, results, strict=True):
        if result.status == "ok":
            single = codec.compress(path, 50, coding="learned")
            assert result.output_bytes == pytest.approx(len(single), rel=0.01)

    files = [path.with_suffix(".cnc") for path in images]
    files[3].write_bytes(files[0].read_bytes()[:-9])
    for action, ending in (("decompress", ".bmp"), ("test", "")):
        counts.clear()
        results = list(worker.run_all(jobs(action, files, ending)))
        assert [result.status for result in results] == ["ok"] * 3 + ["error"] + ["ok"] * 3
        assert (results[3].input, results[3].exit_code) == (str(files[3]), 4)
        assert counts == [3, 1, 1, 1]
    for number in (0, 1, 2, 4, 5, 6):
        with Image.open(images[number].with_suffix(".bmp")) as shown:
            assert close(shown, codec.decompress(files[number]))


def test_slots_of_a_run(images: list[Path]) -> None:
    del images[5], images[3]
    with thread_slots(LEARNED, TORCH, 1, load=True, at_once=3) as (slot,):
        assert isinstance(slot, ThreadSlot)
        counts = force_batches(slot.worker._codecs.encoder(), MEGAPIXEL)
        results = list(Schedule(jobs("compress", images, ".cnc"), [slot], lambda: False).results())
    assert [result.status for result in results] == ["ok"] * 5
    assert sorted(counts) == [1, 2, 2], "a batch is made of what a slot is given at a time"


def test_a_run_that_is_stopped_ends_what_was_begun(images: list[Path]) -> None:
    answers = iter([False, False, True])
    worker = Worker(LEARNED, TORCH, stopping=lambda: next(answers))
    force_batches(worker._codecs.encoder(), MEGAPIXEL)
    results = list(worker.run_all(jobs("compress", images, ".cnc")))
    assert [result.status for result in results] == ["ok", "ok", "ok"]


def test_lack_of_memory_for_a_batch_costs_no_file(images: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("CUDA out of memory")

    worker, counts = batching(LEARNED)
    monkeypatch.setattr(worker._codecs.encoder(), "code_together", fail)
    results = list(worker.run_all(jobs("compress", images[:2], ".cnc")))
    assert [result.status for result in results] == ["ok", "ok"] and set(counts) == {1}


def test_effort_and_searches_wait_for_nobody(images: list[Path]) -> None:
    worker, counts = batching(WorkSettings(quality=QUALITY, encode=EncodeSettings("learned", effort=1)))
    list(worker.run_all(jobs("compress", images[:2], ".cnc")))
    assert set(counts) == {1}


def tar_of(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for info in archive:
            member = archive.extractfile(info)
            assert member is not None
            yield info.name, member.read()


def run_tar(worker: Worker, action: str, source: Path, target: Path) -> Result:
    return worker.run(Job(action, str(source), str(target), tar=TarWork("")))  # type: ignore[arg-type]


def test_members_of_a_tar(images: list[Path], codec: Codec, tmp_path: Path) -> None:
    """Others stand between the images, one of them larger than what is held while images wait."""
    members = [
        (f"{n}{e}", d) for n, path in enumerate(images) for e, d in ((".png", path.read_bytes()), (".txt", b"t"))
    ]
    members.insert(2, ("0.bin", bytes(2 << 20)))
    worker, counts = batching(LEARNED, MEGAPIXEL)
    result = run_tar(worker, "compress", tar_of(tmp_path / "a.tar", members), tmp_path / "b.tar")
    assert result.tar is not None and [failure.member for failure in result.tar.failures] == ["3.png"]
    assert (result.tar.images, result.tar.others) == (6, 8)
    assert counts == [1, 3, 1, 1], "the first alone, as the large member does not wait; then alike ones, and the others"
    made = list(contents(tmp_path / "b.tar"))
    expected = [name.replace(".png", ".cnc") for name, _ in members if name != "3.png"]
    assert [name for name, _ in made] == expected
    assert [data for name, data in made if not name.endswith(".cnc")] == [d for n, d in members if n[-3:] != "png"]

    counts.clear()
    result = run_tar(worker, "decompress", tmp_path / "b.tar", tmp_path / "c.tar")
    assert result.status == "ok" and counts == [1, 3, 1, 1]
    shown = {name: data for name, data in contents(tmp_path / "c.tar") if name.endswith(".png")}
    assert list(shown) == [f"{number}.png" for number in (0, 1, 2, 4, 5, 6)]
    for name, data in made:
        if name.endswith(".cnc"):
            assert probe(data).coding == "learned"
            assert close(Image.open(io.BytesIO(shown[name.replace(".cnc", ".png")])), codec.decompress(data))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_run_on_a_gpu(images: list[Path], codec: Codec) -> None:
    del images[3]
    made = []
    for _ in range(2):
        with thread_slots(LEARNED, ModelSettings(device="cuda"), 2, load=True, at_once=3) as slots:
            compressed = [replace(job, replace=True) for job in jobs("compress", images, ".cnc")]
            results = list(Schedule(compressed, slots, lambda: False).results())
            assert [result.status for result in results] == ["ok"] * 6
            made.append([path.with_suffix(".cnc").read_bytes() for path in images])
            files = [path.with_suffix(".cnc") for path in images]
            decompressed = [replace(job, replace=True) for job in jobs("decompress", files, ".bmp")]
            results = list(Schedule(decompressed, slots, lambda: False).results())
            assert [result.status for result in results] == ["ok"] * 6
    assert made[0] == made[1], "batches do not depend on which slot is faster"
    for path in images:
        with Image.open(path.with_suffix(".bmp")) as shown:
            assert close(shown, codec.decompress(path.with_suffix(".cnc")))
