"""Beyond one machine: a Ray cluster and shards against one process, planning of long lists, and tars."""

from __future__ import annotations

import contextlib
import io
import logging
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from command_runs import CNNCOMPRESS, CommandError, Run, watched
from PIL import Image

from cnncompress.errors import MissingPackage
from cnncompress.evaluation.speed import generated_image
from cnncompress.units import plural

SMALL_SIDE = 128
MEMBER_SIDE = 64

_PLAN = """
import sys, time
from pathlib import Path
from cnncompress.batch.inputs import read_list
from cnncompress.batch.plan import make_plan
from cnncompress.batch.request import Inputs, Outputs, Request, Shard
start = time.perf_counter()
inputs, outputs = Inputs(read_list(sys.argv[1], nul=False)), Outputs(folder=Path("out"), root=Path(sys.argv[2]))
plan = make_plan(Request("compress", inputs, outputs, Shard(0, int(sys.argv[3])) if len(sys.argv) > 3 else None))
print(len(plan.jobs) + len(plan.settled), time.perf_counter() - start)
"""


def compress(*arguments: str) -> Run:
    """Runs ``cnncompress compress``; errors as for `command_runs.watched`."""
    return watched([*CNNCOMPRESS, "compress", "--quiet", *arguments])


def small_images(folder: Path, count: int, sources: Sequence[Image.Image]) -> None:
    """Writes images of 128x128 pixels, cut out of others in turns, or generated.

    Args:
        folder: Where to; it exists.
        count: How many.
        sources: Images to cut from.
    """
    pictures = list(sources) or [generated_image(768, 512, seed=seed) for seed in range(4)]
    for number in range(count):
        image = pictures[number % len(pictures)]
        x = 37 * number % max(1, image.width - SMALL_SIDE)
        y = 23 * number % max(1, image.height - SMALL_SIDE)
        image.crop((x, y, x + SMALL_SIDE, y + SMALL_SIDE)).save(folder / f"{number:06}.png")


@contextlib.contextmanager
def cluster(cpus: int) -> Iterator[str]:
    """Starts a Ray cluster on this machine and provides its address.

    Raises:
        MissingPackage: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise MissingPackage("this needs Ray: pip install 'cnncompress[ray]'") from None
    # Actors are as important as the processes that they are compared with; by default Ray makes them give way.
    config = {"worker_niceness": 0}
    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    ray.init(address="local", num_cpus=cpus, _system_config=config, **options)
    try:
        yield str(ray.get_runtime_context().gcs_address)
    finally:
        ray.shutdown()


def compare_ray(folder: Path, images: int, threads: int, rounds: int, options: Sequence[str]) -> Iterator[str]:
    """Compresses the same images in one process, on a cluster, and in shards at the same time, in turns.

    Args:
        folder: Has the images in ``in``.
        images: How many there are.
        threads: Threads, actors and shards.
        rounds: How often each way is measured.
        options: Further options of the command.

    Yields:
        Lines of text.

    Raises:
        CommandError: The command failed, or the ways made different files.
    """
    source = ["-r", str(folder / "in"), *options]
    seconds: dict[str, list[float]] = {"one process": [], "Ray": [], "shards": []}
    with cluster(threads) as address:
        for turn in range(rounds):
            for name, times in seconds.items():
                out = ["-d", str(folder / f"{turn}-{name}")]
                start = time.perf_counter()
                if name == "shards":
                    _shards([*source, *out], threads)
                else:
                    where = ["--ray", address] if name == "Ray" else []
                    compress(*source, *out, *where, "-j", str(threads))
                times.append(time.perf_counter() - start)
    _check_equal([folder / f"{turn}-{name}" for turn in range(rounds) for name in seconds], images)
    means = {name: statistics.mean(times) for name, times in seconds.items()}
    for name, mean in means.items():
        ratio = means["one process"] / mean
        yield f"  {name:13}{mean:8.1f} s  {images / mean:6.1f} images/s ({ratio:.2f} times one process)"


def _shards(arguments: Sequence[str], count: int) -> None:
    command = [*CNNCOMPRESS, "compress", "--quiet", *arguments, "-j", "1", "-T", "1", "--shard"]
    tasks = [subprocess.Popen([*command, f"{task}/{count}"]) for task in range(count)]
    if any(task.wait() for task in tasks):
        raise CommandError("a shard failed")


def _check_equal(folders: Sequence[Path], images: int) -> None:
    first = {path.name: path.read_bytes() for path in folders[0].iterdir()}
    if len(first) != images:
        raise CommandError(f"{len(first)} of {images} files were made")
    for folder in folders[1:]:
        if {path.name: path.read_bytes() for path in folder.iterdir()} != first:
            raise CommandError(f"{folder.name} has other files")


def measure_planning(folder: Path, names: int, files: int) -> Iterator[str]:
    """Plans a shard of a list of names of which no file exists, and all of a list of files that exist.

    Args:
        folder: Empty.
        names: Length of the first list.
        files: Length of the second.

    Yields:
        Lines of text.
    """
    path = folder / "list.txt"
    path.write_text("".join(f"{folder}/in/{n % 1000:03}/{n:08}.jpg\n" for n in range(names)), encoding="utf-8")
    yield _planned(f"shard 0/100 of {names:,} names", path, folder / "in", "100")
    for number in range(files):
        file = folder / "in" / f"{number % 100:03}" / f"{number:08}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\xff\xd8\xff")
    path.write_text("".join(f"{folder}/in/{n % 100:03}/{n:08}.jpg\n" for n in range(files)), encoding="utf-8")
    yield _planned(f"all of {files:,} files", path, folder / "in")


def _planned(name: str, path: Path, root: Path, *shards: str) -> str:
    run = watched([sys.executable, "-c", _PLAN, str(path), str(root), *shards])
    count, seconds = run.output.split()
    return f"  {name}: {float(seconds):.1f} s, peak {run.peak_mib:.0f} MiB, {plural(int(count), 'file')} to do"


def measure_tars(folder: Path, members: Sequence[int], options: Sequence[str]) -> Iterator[str]:
    """Compresses tars of small images, each image beside a label, and measures the memory.

    Args:
        folder: Empty.
        members: Numbers of images.
        options: Further options of the command.

    Yields:
        Lines of text.

    Raises:
        CommandError: The command failed.
    """
    picture = generated_image(512, 512)
    for count in members:
        path = folder / f"{count}.tar"
        with tarfile.open(path, "w") as tar:
            for number in range(count):
                x, y = 7 * number % (512 - MEMBER_SIDE), 11 * number % (512 - MEMBER_SIDE)
                stream = io.BytesIO()
                picture.crop((x, y, x + MEMBER_SIDE, y + MEMBER_SIDE)).save(stream, "PNG")
                for name, data in ((f"{number:06}.png", stream.getvalue()), (f"{number:06}.cls", b"1")):
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        run = compress("--tar", str(path), "-d", str(folder / "out"), "-j", "1", "-T", "1", *options)
        yield f"  {count} images: {run.seconds:.1f} s, {count / run.seconds:.1f} images/s, peak {run.peak_mib:.0f} MiB"
