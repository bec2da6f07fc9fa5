"""The same file, decoded by four threads of one process and by four processes at once: the same pixels everywhere."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import cnncompress
from cnncompress import pillow
from cnncompress.api.codec import Codec

WORKERS = 4
GOLDEN = Path(__file__).parents[1] / "golden"

PRINT_SUMS = """
import hashlib, sys
import cnncompress
codec = cnncompress.Codec(device="cpu")
sys.stdin.readline()  # until all have come so far
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print(hashlib.sha256(codec.decompress(file.read()).tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def paths(codec: Codec, tmp_path_factory: pytest.TempPathFactory, astronaut: NDArray[np.uint8]) -> list[Path]:
    """Small files of several layouts and codings."""
    folder = tmp_path_factory.mktemp("files")
    image = Image.fromarray(np.ascontiguousarray(astronaut[60:160, 180:300]))
    transparent = image.copy()
    transparent.putalpha(image.convert("L"))
    files = [codec.compress(image, 10), codec.compress(transparent, 95), codec.compress(image.convert("L"), 50)]
    files += [cnncompress.compress(transparent, coding="lossless"), codec.compress(astronaut[:1, :1], 50)]
    paths = [folder / f"{number}.cnc" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return paths


def summed(image: Image.Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def expected(codec: Codec, paths: list[Path]) -> list[str]:
    """Sums of the pixels, one after the other in this thread."""
    return [summed(codec.decompress(path.read_bytes())) for path in paths]


def test_threads_that_share_a_codec(codec: Codec, paths: list[Path], expected: list[str]) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        for path, sums in zip(paths, expected, strict=True):
            data = path.read_bytes()
            found = list(pool.map(lambda _, data=data: summed(codec.decompress(data)), range(2 * WORKERS)))
            assert found == [sums] * 2 * WORKERS
        mixed = list(pool.map(lambda path: summed(codec.decompress(path.read_bytes())), paths * WORKERS))
    assert mixed == expected * WORKERS


def test_threads_through_the_functions(paths: list[Path], expected: list[str]) -> None:
    """Each call loads the model for itself."""
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(lambda path: summed(cnncompress.decompress(path.read_bytes(), device="cpu")), paths))
    assert found == expected


def test_threads_encode_the_same_bytes(codec: Codec, astronaut: NDArray[np.uint8]) -> None:
    crops = [astronaut[start : start + 70, 100:180] for start in (0, 100, 200, 300)]
    alone = [codec.compress(crop, 60) for crop in crops]
    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(lambda crop: codec.compress(crop, 60), crops * 2)) == alone * 2


def test_threads_through_pillow(paths: list[Path], expected: list[str]) -> None:
    def load(path: Path) -> str:
        with Image.open(io.BytesIO(path.read_bytes()), formats=[pillow.FORMAT]) as image:
            return summed(image)

    pillow.register(device="cpu")
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            assert list(pool.map(load, paths * 2)) == expected * 2
    finally:
        Image.ID.remove(pillow.FORMAT)
        for registry in (Image.OPEN, Image.SAVE, Image.MIME):
            del registry[pillow.FORMAT]
        del Image.EXTENSION[pillow.EXTENSION]


@pytest.mark.slow
def test_processes(paths: list[Path], expected: list[str]) -> None:
    """With different numbers of threads inside, which must not matter either."""
    processes = []
    for number in range(WORKERS):
        environment = {**os.environ, "OMP_NUM_THREADS": str(1 + number % 2)}
        command = [sys.executable, "-W", "error", "-c", PRINT_SUMS, *map(str, paths)]
        processes.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        )
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        printed, _ = process.communicate(timeout=300)
        assert process.returncode == 0 and printed.split() == expected
