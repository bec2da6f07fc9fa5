"""Feeds damaged data to a part of the program: ``python scripts/fuzz.py container --runs 200000``.

The damage knows the format and repairs checksums, so that it gets behind them (``tests/fuzz``). With ``atheris``
(``pip install atheris``) the search is led by coverage as well; without it, by a seeded generator alone. An answer is a
correct result or one of the errors that are meant for it. Anything else, a run of more than ten seconds of CPU time, or
more memory than the target may take, is a finding: its data is written to a file, to become a test.

Prints a line for docs/FUZZING.md.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import os
import platform
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

TESTS = Path(__file__).resolve().parents[1] / "tests"
FORMATS = ("jpeg", "png", "tiff", "webp", "heif", "gif", "jpeg2000", "bmp", "sgi", "sun", "qoi", "pnm")
PARTS = ("container", "entropy", "chunks", "decode-tiny", "decode-base", "pillow", "model", "image")
NAMES = (*PARTS, *(f"fields-{name}" for name in FORMATS))
PACKAGES = ("torch", "constriction", "pillow", "safetensors", "numpy", "atheris")
MAX_BYTES = 1 << 17

if TYPE_CHECKING:
    from fuzz_engine import Report
    from fuzz_target import Target


def has_atheris() -> bool:
    """Whether the coverage-guided fuzzer is installed."""
    return importlib.util.find_spec("atheris") is not None


def limit_memory(extra: int) -> None:
    """Limits the process to the address space that it has now and so many bytes more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def run_atheris(
    target: Target, report: Report, seed: int, over: Callable[[], bool], finish: Callable[[], int]
) -> NoReturn:
    """Runs libFuzzer until `over`, then `finish`, and ends the process: libFuzzer itself never returns."""
    import atheris

    others = target.starts

    def mutate(data: bytes, max_size: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.7:
            return target.damage(bytes(data), others, rng)[:max_size]
        return target.repair(bytes(atheris.Mutate(bytes(data), max_size)))[:max_size]

    def once(data: bytes) -> None:
        report.execute(target, bytes(data))
        if over():
            code = finish()
            shutil.rmtree(target.folder)
            shutil.rmtree(corpus)
            sys.stdout.flush()
            os._exit(code)

    corpus = Path(tempfile.mkdtemp(prefix="fuzz-corpus-"))
    for number, data in enumerate(others):
        (corpus / str(number)).write_bytes(data)
    options = [f"-seed={seed}", f"-max_len={MAX_BYTES}", "-timeout=300", "-rss_limit_mb=0", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], once, custom_mutator=mutate)
    atheris.Fuzz()
    raise AssertionError("libFuzzer has ended by itself")


def summary(name: str, engine: str, seed: int, seconds: float, report: Report) -> str:
    """Returns a row of the table in docs/FUZZING.md, and how often each outcome occurred."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    cells = (
        f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}", name, engine, str(seed), f"{report.runs:,}",
        f"{seconds:.0f} s", f"{report.slowest:.2f} s", f"{peak} MiB", str(len(report.findings)),
    )  # fmt: skip
    outcomes = ", ".join(f"{outcome} {count:,}" for outcome, count in report.outcomes.most_common())
    return f"| {' | '.join(cells)} |\n{name}: {outcomes}\n{versions()}"


def versions() -> str:
    """Returns the versions of what took part."""
    import cnncompress

    found = [f"cnncompress {cnncompress.__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("name", metavar="TARGET", type=click.Choice(NAMES))
@click.option("--runs", type=int, help="Stop after so many runs.")
@click.option("--seconds", type=float, help="Stop after so many seconds.")
@click.option("--seed", default=1, help="Another seed is another search.")
@click.option(
    "--engine",
    type=click.Choice(("auto", "atheris", "generator")),
    default="auto",
    help="auto: atheris if it is there.",
)
@click.option("--corpus", type=click.Path(path_type=Path, file_okay=False), help="Folder with more data to start from.")
@click.option("--findings", default="findings", type=click.Path(path_type=Path), help="Where findings are written.")
def main(
    name: str, runs: int | None, seconds: float | None, seed: int, engine: str, corpus: Path | None, findings: Path
) -> None:
    """Feed TARGET with damaged data."""
    if runs is None and seconds is None:
        raise click.UsageError("Give --runs or --seconds.")
    if engine == "auto":
        engine = "atheris" if has_atheris() else "generator"
    sys.path[:0] = [str(TESTS), str(TESTS / "fuzz")]
    if engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["cnncompress"]):
            from fuzz_targets import opened

            import cnncompress.model.weights
            import cnncompress.pillow  # noqa: F401
    else:
        from fuzz_targets import opened
    import torch
    from fuzz_engine import Report, run

    torch.set_num_threads(1)
    report = Report()
    with opened(name, read_folder(corpus)) as target:
        for data in target.starts:  # loads what is loaded late, before memory is limited
            report.execute(target, data)
        limit_memory(target.memory)
        begin = time.monotonic()

        def over() -> bool:
            seconds_left = seconds is None or time.monotonic() - begin < seconds
            return not (seconds_left and (runs is None or report.runs < runs))

        def finish() -> int:
            click.echo(summary(name, engine, seed, time.monotonic() - begin, report))
            for number, finding in enumerate(report.findings.values()):
                findings.mkdir(parents=True, exist_ok=True)
                path = findings / f"{name}-{seed}-{number}"
                path.write_bytes(finding.data)
                click.echo(f"{path}: {finding.message}", err=True)
            return 1 if report.findings else 0

        if engine == "atheris":
            run_atheris(target, report, seed, over, finish)
        else:
            run(target, report, seed=seed, over=over)
        raise SystemExit(finish())


def read_folder(folder: Path | None) -> list[bytes]:
    """Reads all files of a folder."""
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder is not None else []


if __name__ == "__main__":
    main()
