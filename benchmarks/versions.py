"""Another checkout of the project and this one side by side, with other programs on the same images."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from many_files import make_crops, make_photographs, megapixels
from PIL import Image
from programs import BEFORE, SOURCE, TARGET, THIS, THREADS, Program, checkout, peers
from turns import Row, measure_loaded, measure_many, measure_photograph

from cnncompress.evaluation.environment import Environment, current_environment
from cnncompress.files.outputs import write_output

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Settings:
    """What is measured, and how often.

    Attributes:
        quality: Of cnncompress, 0 .. 100.
        model: Weights for both checkouts instead of the default of each.
        threads: CPU threads.
        repeat: Timed runs of one photograph.
        many_repeat: Timed runs over many images.
        photographs: How many are compressed in one run; 0 for no such row.
        small: How many small images; 0 for no such row.
        sides: Width and height of the small images in pixels.
    """

    quality: float
    model: str | None
    threads: int
    repeat: int
    many_repeat: int
    photographs: int
    small: int
    sides: tuple[int, ...]


@dataclass(frozen=True)
class Report:
    """All figures.

    Attributes:
        image: Name and size of the photograph.
        versions: By name of the program, its commit or version.
        commands: By name of the program, how it compresses an image.
        settings: What was measured, and how often.
        environment: Of this process, on the machine of all of them.
        rows: The figures.
    """

    image: str
    versions: dict[str, str]
    commands: dict[str, str]
    settings: Settings
    environment: Environment
    rows: list[Row]


def find_programs(before: Path, image: Path, folder: Path, settings: Settings) -> list[Program]:
    """Returns the two checkouts, and the other programs at settings that give files of about the size of ours.

    Args:
        before: The other checkout.
        image: The photograph, a PNG.
        folder: Empty; for bytecode, which has to stay there, and for files.
        settings: What is measured.

    Raises:
        ProgramError: There is no checkout in the folder, or a program failed.
    """
    bytecode = folder / "bytecode"
    bytecode.mkdir()
    checkouts = [
        checkout(name, root, bytecode, settings.quality, settings.model)
        for name, root in ((BEFORE, before), (THIS, ROOT))
    ]
    file = folder / "size.cnc"
    checkouts[-1].run(checkouts[-1].compress, image, file, settings.threads)
    return [*checkouts, *peers(image, file.stat().st_size, folder)]


def measure_versions(
    programs: Sequence[Program], image: Path, sources: Sequence[Image.Image], folder: Path, settings: Settings
) -> Iterator[Row]:
    """Yields all figures, each when it has been measured.

    Args:
        programs: See `find_programs`.
        image: The photograph, a PNG.
        sources: What many images are cut out of; generated ones if there are none.
        folder: Where many images and files are written to.
        settings: What is measured.

    Raises:
        ProgramError: A program failed.
    """
    threads, many = settings.threads, settings.many_repeat
    checkouts = [program for program in programs if program.name in (BEFORE, THIS)]
    yield from measure_photograph(programs, image, folder, threads, settings.repeat)
    yield from measure_loaded(checkouts, image, settings.quality, settings.model, settings.repeat)
    if settings.photographs:
        photographs = folder / "photographs"
        photographs.mkdir()
        paths = make_photographs(photographs, settings.photographs, sources)
        title = f"{len(paths)} photographs, {megapixels(paths):.0f} MP"
        yield measure_many(title, "MP/s", megapixels, programs, photographs, folder, threads, many)
    for side in settings.sides if settings.small else ():
        crops = folder / f"{side}x{side}"
        crops.mkdir()
        make_crops(crops, settings.small, side, sources)
        title = f"{settings.small} images of {side}x{side}"
        yield measure_many(title, "images/s", len, programs, crops, folder, threads, many)


def write_report(report: Report, path: Path) -> None:
    """Writes a report as JSON, all runs included, replacing the file in one step.

    Raises:
        OutputError: The file cannot be written.
    """
    write_output(str(path), json.dumps(asdict(report), indent=1).encode(), force=True)


def new_report(image: str, programs: Sequence[Program], settings: Settings) -> Report:
    """Returns a report without figures.

    Args:
        image: Name and size of the photograph.
        programs: All of them.
        settings: What is measured.
    """
    versions = {program.name: program.version for program in programs}
    commands = {program.name: command_line(program, settings.threads) for program in programs}
    return Report(image, versions, commands, settings, current_environment(), [])


def format_report(report: Report) -> str:
    """Returns a table in Markdown, with a line about the machine above it and the commands below."""
    titles = ["", *(f"{name} `{report.versions[name]}`" for name in report.versions)]
    titles.insert(3, "gain")
    settings, machine = report.settings, report.environment
    return "\n".join(
        (
            f"{report.image}, quality {settings.quality:g}; "
            f"{settings.threads} threads, {machine.cpu}, {machine.system}; "
            f"medians of {settings.repeat} runs, of {settings.many_repeat} over many images",
            "",
            f"| {' | '.join(titles)} |",
            f"| ---{' | ---:' * (len(titles) - 1)} |",
            *(format_row(row, report) for row in report.rows),
            "",
            *(f"- {name}: `{command}`" for name, command in report.commands.items()),
        )
    )


def format_row(row: Row, report: Report) -> str:
    """Returns a line of the table: the median of each program, and the gain behind the two checkouts."""
    cells = [significant(median(row.runs[name])) if name in row.runs else "-" for name in report.versions]
    cells.insert(2, f"{row.gain:.2f}x")
    return f"| {row.figure}, {row.unit} | {' | '.join(cells)} |"


def command_line(program: Program, threads: int) -> str:
    """Returns how a program compresses an image, without paths."""
    shown = [str(threads) if part == THREADS else part for part in program.compress]
    shown = [part for part in shown if part not in (SOURCE, TARGET, "-o")]
    if program.name in (BEFORE, THIS):
        shown[:3] = ["cnncompress"]
    return " ".join(shown)


def significant(number: float) -> str:
    """Returns a number above 0 with three digits that count, or all that are before the point."""
    return f"{number:,.{max(0, 2 - math.floor(math.log10(number)))}f}"
