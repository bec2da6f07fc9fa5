"""What the README shows of the command line and of Python works, as it stands there.

Commands run in a folder with small images, and without a pipe in this process. Those that install, or that measure or
train for minutes and hours, are named below: of them the command line alone is checked.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner
from loaded_scripts import load_script
from numpy.typing import NDArray
from PIL import Image
from random_model import write_random_model

import cnncompress
from cnncompress.cli.main import program

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

LONG = ("cnncompress eval", "cnncompress bench", "cnncompress report", "python benchmarks", "cnncompress train")
"""These measure or train: of them only the arguments are read."""
INSTALLS = "pip install"
TESTS = "python -m pytest"


def blocks(language: str) -> list[str]:
    """What the README shows in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [
    command
    for block in blocks("sh")
    for line in block.splitlines()
    for command in re.sub(r" +#.*", "", line).split(" && ")
]
PIPES = [command for command in COMMANDS if "|" in command]
ONE_BY_ONE = [
    command for command in COMMANDS if not command.startswith((*LONG, INSTALLS, TESTS)) and "|" not in command
]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory, coffee: NDArray[np.uint8]) -> Path:
    """The files that the README speaks of, small ones."""
    folder = tmp_path_factory.mktemp("samples")
    photo = Image.fromarray(coffee[100:180, 200:320])
    for name in ("photos/a.png", "photos/sub/b.png", "photo.png", "samples/coffee.png", "photographs/a.png"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        photo.save(folder / name)
    photo.save(folder / "photo.jpg", quality=95)
    Image.fromarray(coffee[:64, :64] // 64 * 64).save(folder / "drawing.png")
    shutil.copytree(ROOT / "docs" / "results", folder / "docs" / "results")
    write_random_model(folder / "mine.safetensors")
    return folder


@pytest.fixture
def folder(samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them, which is the current folder."""
    shutil.copytree(samples, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepare(arguments: list[str]) -> None:
    """Makes the files that commands of the README read and others of it have made."""
    if arguments[0] not in ("compare", "decompress", "info"):
        return
    model = "mine.safetensors" if "--model" in arguments else None
    for name in arguments[1:]:
        if name.endswith((".png", ".webp")) and arguments[0] == "decompress":
            Path(name).unlink(missing_ok=True)
        if name.endswith(".cnc"):
            Path(name).write_bytes(cnncompress.compress("photo.png", model=model, device="cpu"))
    if "archive" in arguments:
        Path("archive").mkdir()
        Path("archive/a.cnc").write_bytes(cnncompress.compress("photo.png", coding="lossless"))


def click_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """What a command line starts, and the arguments that it gives."""
    if words[0] == "cnncompress":
        return program, words[1:]
    assert words[0] == "python"
    path = ROOT / words[1]
    path = path / "__main__.py" if path.is_dir() else path
    main = load_script(str(path.relative_to(ROOT))).main
    assert isinstance(main, click.Command)
    return main, words[2:]


def read_arguments(command: click.Command, arguments: list[str], parent: click.Context | None = None) -> None:
    """Reads arguments as the command would, down to its sub-command, and runs nothing."""
    if isinstance(command, click.Group):
        context = click.Context(command, **command.context_settings)  # commands keep the help option that they saw
        name, below, rest = command.resolve_command(context, list(arguments))
        assert below is not None, name
        read_arguments(below, rest, context)
    else:
        command.make_context(command.name, list(arguments), parent=parent)


def test_every_command_is_looked_at() -> None:
    for start in (INSTALLS, TESTS, "cnncompress train", "cnncompress eval"):
        assert any(command.startswith(start) for command in COMMANDS), start
    assert len(PIPES) >= 2 and len(ONE_BY_ONE) >= 10


@pytest.mark.parametrize("command", ONE_BY_ONE)
def test_commands_run(command: str, folder: Path) -> None:
    main, arguments = click_command(shlex.split(command))
    prepare(arguments)
    before = set(folder.rglob("*"))
    result = CliRunner().invoke(main, arguments, prog_name="cnncompress")
    assert result.exit_code == 0, result.output
    assert result.stdout or set(folder.rglob("*")) > before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="lines of a POSIX shell")
@pytest.mark.parametrize("command", PIPES)
def test_pipes_run(command: str, folder: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
    made = [Path("back.png")] if "back.png" in command else [Path("archive/a.cnc"), Path("archive/sub/b.cnc")]
    assert all(path.is_file() for path in made)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith(LONG)])
def test_arguments_of_long_commands_are_right(command: str, folder: Path) -> None:
    main, arguments = click_command(shlex.split(command))
    read_arguments(main, arguments)
    wrong = [*arguments, "--no-such-option"]
    with pytest.raises(click.NoSuchOption):
        read_arguments(main, wrong)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith(INSTALLS)])
def test_extras_that_are_installed_are_there(command: str) -> None:
    _, _, what = shlex.split(command)
    extras = re.fullmatch(r"\.(?:\[([\w,]+)\])?", what)
    assert extras is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set((extras[1] or "").split(",")) - {""} <= set(project["optional-dependencies"])


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith(TESTS)])
def test_tests_are_started_like_that(command: str) -> None:
    """On a file whose tests take no time."""
    words = [sys.executable, *shlex.split(command)[1:], "-p", "no:cacheprovider", "tests/bitstream/test_fields.py"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


def test_python_blocks_run(folder: Path, pillow_registry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    interface, plugin = blocks("python")
    names: dict[str, Any] = {"paths": ["photo.jpg", "drawing.png"]}
    exec(compile(interface, "README.md", "exec"), names)
    assert [data[:4] for data in names["files"]] == [b"\x89CN\x01"] * 2
    assert cnncompress.info(names["data"]).coding == "lossless" and cnncompress.info(names["data"]).width == 64
    assert names["image"].size == (120, 80) and names["preview"].size == (15, 10)
    with Image.open("photo.png") as saved:
        assert saved.tobytes() == names["image"].tobytes()

    shown: list[Image.Image] = []
    monkeypatch.setattr(Image.Image, "show", lambda image: shown.append(image.copy()))
    exec(compile(plugin, "README.md", "exec"), {})
    assert [image.size for image in shown] == [(120, 80)] and cnncompress.info("photo.cnc").quality == 60
