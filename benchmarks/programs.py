"""Programs that code images: checkouts of cnncompress, and those that come with WebP, AVIF and JPEG XL."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from command_runs import TIMED_COMMAND

from cnncompress.errors import CnncompressError

BEFORE, THIS = "before", "this"
"""Names of the two checkouts."""

SOURCE, TARGET, THREADS = "{source}", "{target}", "{threads}"
"""Arguments that stand for others in the commands of a program."""

_OTHERS_THREADS = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_")


class ProgramError(CnncompressError):
    """A program that is measured failed, or is not the one that it should be."""


@dataclass(frozen=True)
class Cost:
    """What one call takes.

    Attributes:
        seconds: From start to exit.
        cpu_seconds: Of all threads and processes.
        peak_mib: Resident memory of the largest process; never less than the 11 MiB of `timed_command`.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class Program:
    """A program that codes images.

    Attributes:
        name: ``before`` or ``this``, or the name of the encoder.
        version: The commit, or the encoder's version.
        suffix: Of its files.
        compress: Command with placeholders.
        decompress: Command with placeholders.
        environment: Environment variables.
    """

    name: str
    version: str
    suffix: str
    compress: tuple[str, ...]
    decompress: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, command: Sequence[str], source: Path, target: Path, threads: int) -> None:
        """Runs one of the program's commands, in the folder of the target: Python would import what is in this one.

        Raises:
            ProgramError: It failed.
        """
        self._run((), command, source, target, threads)

    def measure(self, command: Sequence[str], source: Path, target: Path, threads: int) -> Cost:
        """Runs a command as `run` does, and returns what it takes.

        Raises:
            ProgramError: It failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "cost.json")
            self._run((*TIMED_COMMAND, str(report)), command, source, target, threads)
            return Cost(**json.loads(report.read_text()))

    def _run(self, launcher: Sequence[str], command: Sequence[str], source: Path, target: Path, threads: int) -> None:
        values = {SOURCE: str(source), TARGET: str(target), THREADS: str(threads)}
        full = [*launcher, *(values.get(part, part) for part in command)]
        done = subprocess.run(
            full,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self.environment,
            cwd=target.parent,
            check=False,
        )
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise ProgramError(f"{self.name} ({command[0]}) failed with exit code {done.returncode}: {last[0]}")


def checkout(name: str, folder: Path, cache: Path, quality: float, model: str | None = None) -> Program:
    """Returns cnncompress as it is in a folder, on the CPU.

    Python keeps its bytecode, and no variable holds the libraries to a number of threads: both as in an installed
    program.

    Args:
        name: Of the program.
        folder: Where the repository is checked out.
        cache: Folder for the bytecode.
        quality: 0 .. 100.
        model: Weights instead of the default model of that checkout.

    Raises:
        ProgramError: There is no cnncompress in the folder.
    """
    folder = folder.resolve()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(_OTHERS_THREADS)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment |= {"PYTHONPATH": str(folder), "PYTHONPYCACHEPREFIX": str(cache)}
    where = [sys.executable, "-c", "import cnncompress; print(cnncompress.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, env=environment, cwd=cache, check=False).stdout
    if Path(found.strip()) != folder / "cnncompress" / "__init__.py":
        raise ProgramError(f"no checkout of cnncompress in {folder}")
    if model is not None and Path(model).exists():
        model = str(Path(model).resolve())  # since the commands run in other folders
    command = (sys.executable, "-m", "cnncompress")
    options = ("--quiet", "--device", "cpu", "-T", THREADS, *([] if model is None else ["--model", model]))
    return Program(
        name,
        _commit(folder),
        ".cnc",
        (*command, "compress", *options, "-q", f"{quality:g}", SOURCE, "-o", TARGET),
        (*command, "decompress", *options, SOURCE, "-o", TARGET),
        environment,
    )


def folder_command(program: Program) -> tuple[str, ...]:
    """Returns the command of a checkout that compresses a folder to another one."""
    *first, source, _, target = program.compress
    return (*first, "-r", source, "-d", target)


def peers(image: Path, size: int, folder: Path) -> Iterator[Program]:
    """Yields cwebp, avifenc and cjxl, as far as they are installed, at the qualities that come nearest to a size.

    Args:
        image: PNG or JPEG.
        size: Bytes of the file to come near to.
        folder: For their files.

    Raises:
        ProgramError: One of them failed.
    """
    for name, (make, qualities) in _PEERS.items():
        program = make("", qualities[0])
        if shutil.which(program.compress[0]) and shutil.which(program.decompress[0]):
            make_peer = partial(make, _version(name))
            yield make_peer(nearest(qualities, size, partial(_size_at, make_peer, image, folder)))


def nearest(qualities: Sequence[int], size: int, size_at: Callable[[int], int]) -> int:
    """Returns the quality whose file comes nearest to a size, in bytes.

    Args:
        qualities: From the smallest file to the largest.
        size: What to come near to.
        size_at: Bytes of the file of a quality.
    """
    place = bisect_left(qualities, size, key=size_at)
    return min(qualities[max(0, place - 1) : place + 1], key=lambda quality: abs(size_at(quality) - size))


def _size_at(make_peer: Callable[[int], Program], image: Path, folder: Path, quality: int) -> int:
    program = make_peer(quality)
    target = folder / f"quality{program.suffix}"
    program.run(program.compress, image, target, 1)
    return target.stat().st_size


def _cwebp(version: str, quality: int) -> Program:
    compress = ("cwebp", "-quiet", "-m", "6", "-q", str(quality), SOURCE, "-o", TARGET)
    return Program("cwebp", version, ".webp", compress, ("dwebp", "-quiet", SOURCE, "-o", TARGET))


def _avifenc(version: str, quality: int) -> Program:
    # libaom's own scale, which every version of avifenc takes.
    rate = ("--min", "0", "--max", "63", "-a", "end-usage=q", "-a", f"cq-level={63 - quality}")
    compress = ("avifenc", "-s", "6", "-j", THREADS, *rate, SOURCE, TARGET)
    return Program("avifenc", version, ".avif", compress, ("avifdec", "-j", THREADS, SOURCE, TARGET))


def _cjxl(version: str, quality: int) -> Program:
    threads = ("--num_threads", THREADS)
    compress = ("cjxl", "-e", "7", "-q", str(quality), "--lossless_jpeg=0", *threads, SOURCE, TARGET)
    return Program("cjxl", version, ".jxl", compress, ("djxl", *threads, SOURCE, TARGET))


_PEERS: dict[str, tuple[Callable[[str, int], Program], range]] = {
    "cwebp": (_cwebp, range(101)),
    "avifenc": (_avifenc, range(1, 64)),
    "cjxl": (_cjxl, range(5, 100)),
}


def _version(name: str) -> str:
    option = "-version" if name == "cwebp" else "--version"
    text = subprocess.run([name, option], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else "unknown version"


def _commit(folder: Path) -> str:
    """Returns the short hash of a checkout, with a plus sign if its files have been changed."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown commit"
