"""The script that makes pictures of text and graphics to train on."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from loaded_scripts import load_script
from PIL import Image


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("scripts/make_graphics.py")


def made(script: ModuleType, folder: Path, *options: str) -> dict[str, Image.Image]:
    result = CliRunner().invoke(script.main, ["-o", str(folder), *options])
    assert result.exit_code == 0, result.output
    return {path.name: Image.open(path) for path in sorted(folder.iterdir())}


def test_every_kind_is_drawn_and_depends_on_the_seed_alone(script: ModuleType, tmp_path: Path) -> None:
    count = str(len(script.KINDS))
    first = made(script, tmp_path / "a", "--count", count)
    again = made(script, tmp_path / "b", "--count", count)
    others = made(script, tmp_path / "c", "--count", count, "--seed", "2")
    assert len(first) == len(script.KINDS) and first.keys() == again.keys() == others.keys()
    for name, image in first.items():
        assert (image.size, image.mode) == ((script.SIDE, script.SIDE), "RGB"), name
        assert image.tobytes() == again[name].tobytes(), name
        assert image.tobytes() != others[name].tobytes(), name


def test_they_are_graphics(script: ModuleType, tmp_path: Path) -> None:
    """Most neighbours are equal, as in no photograph, and no picture is of one colour."""
    for name, image in made(script, tmp_path, "--count", "10").items():
        pixels = np.asarray(image).astype(int)
        equal = float((pixels[:, 1:] == pixels[:, :-1]).all(2).mean())
        assert equal > 0.3, name
        assert pixels.std() > 5, name


def test_a_folder_that_cannot_be_made(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(script.main, ["-o", str(tmp_path / "file" / "folder")])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
