"""Programs side by side on the same images.

They take turns, so that other work on the machine meets all of them. Each is started as a user starts it, checkouts of
cnncompress with options that any version has.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TypeVar

from programs import BEFORE, THIS, Cost, Program, ProgramError, folder_command

T = TypeVar("T")

PEERS_SHARE = 8
"""Of many images, programs other than cnncompress get every eighth, which tells their speed as well."""

_LOADED_CODEC = Path(__file__).with_name("loaded_codec.py")


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        figure: What was measured.
        unit: Of the numbers; with ``/s`` at its end if more is better.
        runs: By name of the program, all runs, of which the median counts.
    """

    figure: str
    unit: str
    runs: dict[str, list[float]]

    @property
    def gain(self) -> float:
        """How many times better this checkout is than the one before."""
        ratio = median(self.runs[BEFORE]) / median(self.runs[THIS])
        return 1 / ratio if self.unit.endswith("/s") else ratio


def take_turns(work: Mapping[str, Callable[[], T]], repeat: int, *, warm_up: bool) -> dict[str, list[T]]:
    """Does all of the work again and again, one after another: A B A B.

    Args:
        work: By name.
        repeat: How often.
        warm_up: Whether to do all of it once more in advance, which does not count.
    """
    results: dict[str, list[T]] = {name: [] for name in work}
    for turn in range(-warm_up, repeat):
        for name, code in work.items():
            result = code()
            if turn >= 0:
                results[name].append(result)
    return results


def measure_photograph(
    programs: Sequence[Program], image: Path, folder: Path, threads: int, repeat: int
) -> Iterator[Row]:
    """Compresses and decompresses one image with whole processes, and compresses it on processors that are busy."""
    files = {program.name: folder / f"{program.name}{program.suffix}" for program in programs}

    def compress(program: Program) -> Callable[[], Cost]:
        return lambda: _fresh(program, program.compress, image, files[program.name], threads)

    def decompress(program: Program) -> Callable[[], Cost]:
        target = folder / f"{program.name}.png"
        return lambda: _fresh(program, program.decompress, files[program.name], target, threads)

    for title, work in (("compress", compress), ("decompress", decompress)):
        costs = take_turns({program.name: work(program) for program in programs}, repeat, warm_up=True)
        yield _row(f"{title}, whole process", "s", costs, lambda cost: cost.seconds)
        yield _row(f"{title}, CPU time", "s", costs, lambda cost: cost.cpu_seconds)
        yield _row(f"{title}, peak memory", "MiB", costs, lambda cost: cost.peak_mib)
        if title == "compress":
            yield Row("size of the file", "bytes", {name: [file.stat().st_size] for name, file in files.items()})
    with busy_loops(threads):
        costs = take_turns({program.name: compress(program) for program in programs}, repeat, warm_up=False)
    beside = f"compress beside {threads} busy loop{'s' * (threads > 1)}"
    yield _row(beside, "s", costs, lambda cost: cost.seconds)
    yield _row(f"{beside}, CPU time", "s", costs, lambda cost: cost.cpu_seconds)


def measure_loaded(
    checkouts: Sequence[Program], image: Path, quality: float, model: str | None, repeat: int
) -> Iterator[Row]:
    """Encodes and decodes one image through the public interface, in a process of each checkout, the model loaded."""
    command = [sys.executable, str(_LOADED_CODEC), str(image), f"{quality:g}", *([] if model is None else [model])]
    with ExitStack() as stack:
        processes = {
            program.name: stack.enter_context(_conversation(command, program.environment)) for program in checkouts
        }
        for action in ("compress", "decompress"):
            runs: dict[str, list[float]] = {name: [] for name in processes}
            for _ in range(repeat):
                for name, ask in processes.items():
                    runs[name].append(1000 * float(ask(action)))
            yield Row(f"{action}, model loaded", "ms", runs)


def measure_many(
    title: str,
    unit: str,
    amount: Callable[[Sequence[Path]], float],
    programs: Sequence[Program],
    images: Path,
    folder: Path,
    threads: int,
    repeat: int,
) -> Row:
    """Compresses a folder of images: the checkouts in one run, the others in processes, as many at once as threads.

    Args:
        title: What the images are.
        unit: Of the speed.
        amount: What some images are in that unit, without the ``/s``.
        programs: The checkouts and the others.
        images: The folder; there is nothing else in it.
        folder: For the files.
        threads: CPU threads in all.
        repeat: Timed runs of each.
    """
    paths = sorted(images.iterdir())

    def together(program: Program) -> Callable[[], float]:
        command = folder_command(program)
        return lambda: _fresh(program, command, images, folder / program.name, threads).seconds

    def apart(program: Program) -> Callable[[], float]:
        def one(path: Path) -> None:
            program.run(program.compress, path, folder / f"{path.stem}{program.suffix}", 1)

        def all_of_them() -> float:
            start = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, paths[::PEERS_SHARE]))
            return time.perf_counter() - start

        return all_of_them

    work, amounts = {}, {}
    for program in programs:
        ours = program.name in (BEFORE, THIS)
        work[program.name] = together(program) if ours else apart(program)
        amounts[program.name] = amount(paths if ours else paths[::PEERS_SHARE])
    times = take_turns(work, repeat, warm_up=False)
    return Row(title, unit, {name: [amounts[name] / seconds for seconds in some] for name, some in times.items()})


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Runs processes beside the body that never sleep."""
    loops = [subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _fresh(program: Program, command: Sequence[str], source: Path, target: Path, threads: int) -> Cost:
    """Runs a command whose output is not there yet, though it may be from the last time."""
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    return program.measure(command, source, target, threads)


def _row(figure: str, unit: str, costs: Mapping[str, list[Cost]], value: Callable[[Cost], float]) -> Row:
    return Row(figure, unit, {name: [value(cost) for cost in some] for name, some in costs.items()})


@contextmanager
def _conversation(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Callable[[str], str]]:
    """Starts a process that answers each line with a line, once it has said that it is ready."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def answer() -> str:
        line = stdout.readline()
        if not line:
            raise ProgramError(f"{command[1]} has ended early with exit code {process.wait()}")
        return line

    def ask(line: str) -> str:
        stdin.write(f"{line}\n")
        stdin.flush()
        return answer()

    with process:
        answer()
        yield ask
