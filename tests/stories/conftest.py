"""What many tests of the command line begin with."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images, which become smaller, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    rows, columns = np.mgrid[0:40, 0:60]
    pixels = np.stack([rows * 5, columns * 3, rows + columns], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save("a.bmp")
    Image.fromarray(pixels[:, ::-1]).save("b.bmp")
    return tmp_path


@pytest.fixture(scope="session")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the installed command; where the package is not installed, of one that stands for it."""
    beside = Path(sys.executable).parent
    if (beside / "cnncompress").exists():
        return beside
    folder = tmp_path_factory.mktemp("bin")
    package = Path(__file__).parents[2]
    script = f'#!/bin/sh\nPYTHONPATH="{package}" exec "{sys.executable}" -m cnncompress "$@"\n'
    (folder / "cnncompress").write_text(script)
    (folder / "cnncompress").chmod(0o755)
    return folder
