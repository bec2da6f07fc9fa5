"""Time and memory of the float half by engine: ``python benchmarks/studies/engine_times.py kodim05.png``.

Each engine with each number of threads is a process of its own. They take turns, stage by stage of one image, so that
other work on the machine meets all of them; the least of some rounds counts. CPU time is that of all threads. Memory is
the most that a process had at any time, Python, libraries and weights included.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cnncompress.engines.choice import load_engine
from cnncompress.engines.interface import Engine
from cnncompress.engines.names import EngineName
from cnncompress.model.receptive_field import WHOLE_IMAGE
from cnncompress.model.weights import load_weights
from cnncompress.units import Hundredths

QUALITY = Hundredths(60_00)
Stages = dict[str, Callable[[], object]]


def stages_of(engine: Engine, pixels: NDArray[np.uint8]) -> Stages:
    """What is timed, each with what the stages before it made."""
    y = engine.analyse(pixels, QUALITY)
    z = np.floor(engine.hyper_analyse(y, QUALITY) + 0.5).astype(np.int32)
    steps = engine.split(y)

    def encoding() -> Any:
        walk = engine.walk(z, QUALITY)
        for _ in range(4):
            symbols.append(np.rint(walk.residuals(steps)).astype(np.int32))
            walk.decode(symbols[-1])
        return walk.latent()

    def decoding() -> Any:
        walk = engine.walk(z, QUALITY)
        for index in range(4):
            walk.decode(symbols[index])
        return walk.latent()

    symbols: list[NDArray[np.int32]] = []
    y_hat = encoding()
    return {
        "analysis": lambda: engine.analyse(pixels, QUALITY),
        "hyper-analysis": lambda: engine.hyper_analyse(y, QUALITY),
        "context, encoding": encoding,
        "context, decoding": decoding,
        "synthesis": lambda: engine.synthesise(y_hat, QUALITY),
        "of which filter": filter_of(engine, y_hat),
        "preview, half size": lambda: engine.preview(y_hat, 2, QUALITY),
    }


def filter_of(engine: Any, y_hat: Any) -> Callable[[], object]:
    """The restoration filter alone, which is a part of the synthesis."""
    if engine.name == "ncnn":
        unrestored = engine._synthesis.value(y_hat[0], QUALITY, engine._inverse_gain(QUALITY), WHOLE_IMAGE)
        return lambda: engine._restoration.value(*unrestored, QUALITY)
    import torch

    position, synthesis = engine._position(QUALITY), engine.network.g_s
    with torch.inference_mode():
        before, margins = synthesis.unrestored(engine.network.unscaled(y_hat, position), position)

    def restored() -> object:
        with torch.inference_mode():
            return synthesis.restored(before, position, margins)

    return restored


def measure(name: EngineName, threads: int, path: Path) -> None:
    """Times all stages of the default model for each line that comes in."""
    engine = load_engine(load_weights(None), name, "cpu", "auto", threads)
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))[None]
    stages = stages_of(engine, np.ascontiguousarray(pixels[:, : pixels.shape[1] // 64 * 64]))
    for work in stages.values():
        work()
    print(json.dumps(list(stages)), flush=True)
    for _ in sys.stdin:
        times = {}
        for stage, work in stages.items():
            began, used = time.perf_counter(), time.process_time()
            work()
            times[stage] = [1000 * (time.perf_counter() - began), 1000 * (time.process_time() - used)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"times": times, "peak": peak}), flush=True)


def rounds(cases: list[tuple[str, int]], path: Path, count: int) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """Lets a process of each case take turns."""
    processes = {}
    for engine, threads in cases:
        command = [sys.executable, __file__, str(path), "--measure", engine, str(threads)]
        processes[engine, threads] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for process in processes.values():
        assert process.stdin and process.stdout
        process.stdout.readline()
    for _ in range(count):
        for case, process in processes.items():
            assert process.stdin and process.stdout
            process.stdin.write("again\n")
            process.stdin.flush()
            yield case, json.loads(process.stdout.readline())
    for process in processes.values():
        process.communicate()


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--rounds", "count", default=15)
@click.option("--threads", multiple=True, default=(1, 2), type=int)
@click.option("--measure", "measured", nargs=2, type=(str, int), hidden=True)
def main(path: Path, count: int, threads: tuple[int, ...], measured: tuple[EngineName, int] | None) -> None:
    """Print a table of milliseconds for the image PATH, whose sides should be multiples of 64."""
    if measured is not None:
        measure(*measured, path)
        return
    cases = [(engine, number) for number in threads for engine in ("torch", "ncnn")]
    least: dict[tuple[str, int], dict[str, list[float]]] = {case: {} for case in cases}
    peaks = dict.fromkeys(cases, 0.0)
    for case, found in rounds(cases, path, count):
        peaks[case] = found["peak"]
        for stage, both in found["times"].items():
            known = least[case].get(stage, both)
            least[case][stage] = [min(pair) for pair in zip(known, both, strict=True)]
    titles = [f"{engine}, {number} thread{'s' * (number > 1)}" for engine, number in cases]
    click.echo(f"| ms (CPU ms) | {' | '.join(titles)} |\n| --- |{' --- |' * len(cases)}")
    for stage in least[cases[0]]:
        columns = [f"{least[case][stage][0]:.1f} ({least[case][stage][1]:.1f})" for case in cases]
        click.echo(f"| {stage} | {' | '.join(columns)} |")
    click.echo(f"| peak memory, MiB | {' | '.join(f'{peaks[case]:.0f}' for case in cases)} |")


if __name__ == "__main__":
    main()
