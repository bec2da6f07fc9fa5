"""What files depend on, and what they do not: threads, jobs, precision, engine. With the shipped model, on the CPU."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from cnncompress.api.codec import Codec
from cnncompress.engines.names import EngineName, Precision
from cnncompress.entropy.coder import SymbolDecoder

Pixels = NDArray[np.uint8]
Threads = Callable[[int], AbstractContextManager[None]]

ENGINES: tuple[EngineName, ...] = ("ncnn", "torch")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
SHARES = (("1", "1"), ("1", "2"), ("4", "1"), ("4", "2"), ("5", "5"))
"""Jobs and threads; five jobs take two processes."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, coffee: Pixels, chelsea: Pixels) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, picture in enumerate((coffee, chelsea, coffee, chelsea, coffee)):
        crop = picture[40 * number : 40 * number + 65 + number, 100 : 190 - 7 * number]
        Image.fromarray(crop).save(folder / f"{number}.png")
    return folder


def files_of(command: str, folder: Path, output: Path, *options: str) -> dict[str, bytes]:
    """Runs a command on all files of a folder and returns what it has made."""
    result = run(command, "-r", folder, "-d", output, "--device", "cpu", "--quiet", *options)
    assert result.exit_code == 0, result.output
    return {path.name: path.read_bytes() for path in sorted(output.iterdir())}


@pytest.mark.slow
def test_bytes_and_pixels_do_not_depend_on_jobs_and_threads(photos: Path, tmp_path: Path) -> None:
    """In both directions: each way decodes the files of every other, as they are the same."""
    packed = {}
    for jobs, threads in SHARES:
        packed[jobs, threads] = files_of("compress", photos, tmp_path / f"{jobs}-{threads}", "-j", jobs, "-T", threads)
    first = packed["1", "1"]
    assert len(first) == 5 and all(files == first for files in packed.values())
    decoded = [
        files_of("decompress", tmp_path / "1-1", tmp_path / f"back-{jobs}-{threads}", "-j", jobs, "-T", threads)
        for jobs, threads in (("1", "1"), ("4", "2"))
    ]
    assert len(decoded[0]) == 5 and decoded[0] == decoded[1]


@pytest.mark.slow
@pytest.mark.parametrize("target", [("--target-psnr", "30"), ("--effort", "1")])
def test_nor_does_what_is_searched_for(photos: Path, tmp_path: Path, target: tuple[str, str]) -> None:
    found = [
        files_of("compress", photos, tmp_path / jobs, "-j", jobs, "-T", threads, *target)
        for jobs, threads in (("1", "2"), ("4", "1"))
    ]
    assert found[0] == found[1]


@pytest.fixture
def symbols(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Takes note of all symbols that are decoded."""
    noted: list[bytes] = []
    pop = SymbolDecoder.pop

    def noting_pop(self: SymbolDecoder, levels: NDArray[np.uint8]) -> NDArray[np.int32]:
        found = pop(self, levels)
        noted.append(found.tobytes())
        return found

    monkeypatch.setattr(SymbolDecoder, "pop", noting_pop)
    return noted


@pytest.fixture(scope="module")
def codecs() -> dict[Precision, Codec]:
    return {each: Codec(device="cpu", engine="torch", precision=each) for each in (*PRECISIONS, "auto")}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("count", [1, 2])
def test_every_precision_and_thread_count_decodes_every_other(
    photos: Path,
    codecs: dict[Precision, Codec],
    precision: Precision,
    count: int,
    threads: Threads,
    symbols: list[bytes],
) -> None:
    """The same symbols, whatever the floats of the decoder do, and pixels that differ by what bfloat16 rounds."""
    with threads(count):
        data = codecs[precision].compress(photos / "0.png", 60)
    pictures, found = {}, set()
    for other, other_count in itertools.product(PRECISIONS, (1, 2)):
        symbols.clear()
        with threads(other_count):
            pictures[other, other_count] = np.asarray(codecs[other].decompress(data), int)
        found.add(b"".join(symbols))
    assert len(found) == 1 and symbols
    assert (pictures["fp32", 1] == pictures["fp32", 2]).all()
    error = np.abs(pictures["fp32", 1] - pictures["bf16", 1])
    assert error.mean() < 1.0 and error.max() <= 16


def test_auto_is_fp32_on_the_cpu(photos: Path, codecs: dict[Precision, Codec]) -> None:
    files = [codecs[each].compress(photos / "1.png") for each in ("auto", "fp32", "bf16")]
    assert files[0] == files[1] != files[2]


@pytest.fixture(scope="module")
def engines() -> dict[EngineName, Codec]:
    return {each: Codec(device="cpu", engine=each) for each in ENGINES}


@given(
    size=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    quality=st.integers(0, 100),
    tile=st.sampled_from([0, 64]),
    encoder=st.sampled_from(ENGINES),
)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_engine_decodes_every_other(
    engines: dict[EngineName, Codec],
    coffee: Pixels,
    symbols: list[bytes],
    size: tuple[int, int],
    quality: int,
    tile: int,
    encoder: EngineName,
) -> None:
    """The same symbols, and pixels within 1/255."""
    pixels = coffee[100 : 100 + size[0], 200 : 200 + size[1]]
    data = engines[encoder].compress(pixels, quality, tile=tile, coding="learned")
    pictures, found = [], []
    for codec in engines.values():
        symbols.clear()
        pictures.append(np.asarray(codec.decompress(data), int))
        found.append(b"".join(symbols))
    assert found[0] == found[1] != b""
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_engines_make_files_that_are_as_good(engines: dict[EngineName, Codec], astronaut: Pixels) -> None:
    sizes, errors = [], []
    for codec in engines.values():
        data = codec.compress(astronaut)
        sizes.append(len(data))
        errors.append(np.square(np.asarray(codec.decompress(data), float) - astronaut).mean())
    assert sizes[0] == pytest.approx(sizes[1], rel=5e-4) and errors[0] == pytest.approx(errors[1], rel=5e-4)
