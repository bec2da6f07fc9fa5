"""``bench``, run as a user runs it: it holds its process to a number of threads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "cnncompress", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_times_by_stage(random_model: Path, coffee: NDArray[np.uint8], tmp_path: Path) -> None:
    image = tmp_path / "coffee.png"
    Image.fromarray(coffee[100:196, 150:278]).save(image)
    done = run(image, "--model", random_model, "--device", "cpu", "--repeat", "1", "--peers")
    assert done.returncode == 0, done.stderr
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith("128x96, 1 thread, ") and second.startswith("cnc, quality 50 (")
    assert [re.split(r"[ :]+", line.strip())[0] for line in rest] == [
        *("encode", "decode", "peak", "avif", "webp", "jpeg", "start-up", "start-up")
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [(["no-such.png"], 3, "no-such.png"), (["--threads", "0"], 2, "expected 1 to")],
)
def test_errors_of_the_user_are_one_line(arguments: list[str], code: int, message: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
