"""Kills processes while they write, and looks for lost data: ``python scripts/kill_test.py --writes 300``.

*Pairs* are two runs of ``cnncompress compress -r -f --rm`` over the same folder at the same time, each hit at a random
moment: of every picture there must be the original, or a .cnc file with all of its pixels.

A *write* is `write_output` in a process of its own, over and over, until SIGKILL hits it at a random
moment. A *command* is ``cnncompress compress`` or ``decompress``, hit at a random moment of its run. After each kill
the output must be what it was before, or be whole; beside it there may be an unfinished file, which must not keep the
next process from its work.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from PIL import Image

from cnncompress.api.calls import decompress
from cnncompress.files.outputs import write_output

MAX_BYTES = 4 << 20
MAX_SECONDS_OF_WRITING = 0.1


@dataclass
class Tally:
    """What was seen after the kills.

    Attributes:
        counts: How often.
        losses: A line for each thing that should not have been.
    """

    counts: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)

    def look(self, folder: Path, before: bytes | None, after: bytes | None) -> None:
        """Judges the output after a kill.

        Args:
            folder: where only inputs, the output and unfinished files may be.
            before: what the output was; None if there was none.
            after: what it is.
        """
        unfinished = [path for path in folder.iterdir() if path.suffix == ".part"]
        self.counts["in the middle of a write" if unfinished else "at another moment"] += 1
        if after is None and before is not None:
            self.losses.append("the old output is gone")
        if len(unfinished) > 1:
            self.losses.append(f"{len(unfinished)} unfinished files")
        for path in unfinished:
            path.unlink()


def sealed(rng: random.Random) -> bytes:
    """Returns data whose completeness `is_whole` can check."""
    body = rng.randbytes(1024) * rng.randrange(1, MAX_BYTES >> 10)
    return hashlib.sha256(body).digest() + body


def is_whole(data: bytes) -> bool:
    """Whether data is what `sealed` returned."""
    return hashlib.sha256(data[32:]).digest() == data[:32]


def kill_a_write(folder: Path, rng: random.Random, tally: Tally) -> None:
    """Kills one process that writes."""
    target = folder / "out"
    before = sealed(rng) if rng.random() < 0.7 else None
    target.unlink(missing_ok=True)
    if before is not None:
        target.write_bytes(before)
    versions = [sealed(rng) for _ in range(3)]
    process = os.fork()
    if process == 0:
        while True:
            for data in versions:
                write_output(str(target), data, force=True)
    time.sleep(rng.uniform(0, MAX_SECONDS_OF_WRITING))
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)

    after = target.read_bytes() if target.exists() else None
    tally.look(folder, before, after)
    if after is not None and not (is_whole(after) and after in (before, *versions)):
        tally.losses.append(f"a partial output of {len(after)} bytes")
    tally.counts["old output, or none as before" if after == before else "new output, whole"] += 1
    write_output(str(target), versions[0], force=True)
    if target.read_bytes() != versions[0]:
        tally.losses.append("the next write failed")


@dataclass(frozen=True)
class Command:
    """A command line, and what it writes if it is not killed.

    Attributes:
        name: what it does.
        arguments: all of it.
        target: its output.
        whole: what the output is.
        seconds: how long it takes.
    """

    name: str
    arguments: tuple[str, ...]
    target: Path
    whole: bytes
    seconds: float


def left_alone(name: str, source: Path, target: Path) -> Command:
    """Runs a command to its end."""
    command = (sys.executable, "-m", "cnncompress", *name.split(), "-f", str(source), str(target))
    begin = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return Command(name, command, target, target.read_bytes(), time.monotonic() - begin)


def commands(folder: Path, with_model: bool) -> Iterator[Command]:
    """Compression with a model and without, and decompression."""
    source, packed = Path(__file__).resolve().parents[1] / "samples" / "coffee.png", folder / "packed.cnc"
    yield left_alone("compress --lossless", source, packed)
    yield left_alone("decompress", packed, folder / "out.ppm")
    if with_model:
        yield left_alone("compress", source, folder / "learned.cnc")
        yield left_alone("decompress --format ppm", folder / "learned.cnc", folder / "learned.ppm")


def kill_a_command(command: Command, rng: random.Random, tally: Tally) -> None:
    """Kills one command, with all its processes."""
    before = b"old" if rng.random() < 0.7 else None
    command.target.unlink(missing_ok=True)
    if before is not None:
        command.target.write_bytes(before)
    process = subprocess.Popen(command.arguments, start_new_session=True, stderr=subprocess.DEVNULL)
    # Most of the time is start-up; what counts is at the end.
    time.sleep(command.seconds * rng.choice((rng.uniform(0, 1), rng.uniform(0.7, 1.1))))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    after = command.target.read_bytes() if command.target.exists() else None
    tally.look(command.target.parent, before, after)
    if after not in (before, command.whole):
        tally.losses.append(f"a partial output of {len(after or b'')} bytes")
    tally.counts["old output, or none as before" if after == before else "new output, whole"] += 1


PICTURES = 20


def pictures(folder: Path, rng: random.Random) -> dict[str, Image.Image]:
    """Writes small pictures and returns them by name."""
    folder.mkdir()
    found = {}
    for number in range(PICTURES):
        width, height = rng.randrange(40, 400), rng.randrange(40, 400)
        image = Image.frombytes("RGB", (width, height), rng.randbytes(3 * width) * height)
        image.save(folder / f"{number}.png")
        found[f"{number}"] = image
    return found


def kill_a_pair(folder: Path, rng: random.Random, tally: Tally, seconds: float) -> None:
    """Runs a command twice at once over a new folder, kills both, and looks at every picture."""
    originals = pictures(folder, rng)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    command = (sys.executable, "-m", "cnncompress", "compress", "--lossless", "--if-larger", "keep", "-r", "-f", "--rm")
    pair = [
        subprocess.Popen((*command, str(folder)), start_new_session=True, stderr=subprocess.DEVNULL) for _ in range(2)
    ]
    moments = sorted(seconds * rng.uniform(0.6, 1.5) for _ in pair)
    begin = time.monotonic()
    for process, moment in zip(rng.sample(pair, 2), moments, strict=True):
        time.sleep(max(0.0, begin + moment - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        tally.counts["processes killed"] += process.returncode == -signal.SIGKILL
    for name, image in originals.items():
        original, packed = folder / f"{name}.png", folder / f"{name}.cnc"
        if original.exists():
            tally.counts["originals kept"] += 1
            if original.read_bytes() != before[original.name]:
                tally.losses.append(f"{original.name} has been changed")
        elif not packed.exists():
            tally.losses.append(f"{name} is gone")
        else:
            tally.counts["originals removed, their outputs whole"] += 1
            if decompress(packed).tobytes() != image.tobytes():
                tally.losses.append(f"{packed.name} is another picture")
    shutil.rmtree(folder)


def report(name: str, tally: Tally, summary: str = "") -> int:
    """Prints what was seen, behind a summary; returns the number of losses."""
    seen = ", ".join(f"{count} {what}" for what, count in sorted(tally.counts.items()))
    click.echo(f"{name}: {summary}{seen}; {len(tally.losses)} lost or partial")
    for loss in tally.losses:
        click.echo(f"{name}: {loss}", err=True)
    return len(tally.losses)


def report_trials(name: str, tally: Tally) -> int:
    """Prints how many trials there were, and what was seen; returns the number of losses."""
    trials = tally.counts["in the middle of a write"] + tally.counts["at another moment"]
    return report(name, tally, f"{trials} killed: ")


def kill_pairs(folder: Path, kills: int, rng: random.Random) -> int:
    """Kills so many processes of pairs; returns the number of losses."""
    tally = Tally()
    pictures(folder / "timed", rng)
    begin = time.monotonic()
    command = (sys.executable, "-m", "cnncompress", "compress", "--lossless", "-r", "-f", str(folder / "timed"))
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    seconds = 1.3 * (time.monotonic() - begin)  # two at once take longer
    while tally.counts["processes killed"] < kills:
        kill_a_pair(folder / "pair", rng, tally, seconds)
    return report("pairs", tally)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--writes", default=300, help="How many writing processes to kill.")
@click.option("--commands", "per_command", default=0, help="How many of each command to kill.")
@click.option("--pairs", default=0, help="How many processes to kill that run in pairs over the same folder.")
@click.option("--model/--no-model", default=True, help="Commands that load a model as well.")
@click.option("--seed", default=1, help="Decides about data and moments, as far as a moment can be decided about.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where to write; by default a new one."
)
def main(writes: int, per_command: int, pairs: int, model: bool, seed: int, folder: Path | None) -> None:
    """Kill processes that write, and look for lost data."""
    rng = random.Random(seed)
    losses = 0
    with tempfile.TemporaryDirectory(dir=folder) as made:
        tally = Tally()
        for _ in range(writes):
            kill_a_write(Path(made), rng, tally)
        losses += report_trials("writes", tally)
        for command in commands(Path(made), model) if per_command else ():
            tally = Tally()
            for _ in range(per_command):
                kill_a_command(command, rng, tally)
            command.target.write_bytes(command.whole)  # the next command may need it
            losses += report_trials(command.name, tally)
        losses += kill_pairs(Path(made), pairs, rng) if pairs else 0
    raise SystemExit(1 if losses else 0)


if __name__ == "__main__":
    main()
