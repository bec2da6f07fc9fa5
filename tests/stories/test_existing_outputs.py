"""No command replaces a file unless it is told to, whatever option names the file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click
import pytest
from command_line import COMMAND

from cnncompress.api.codec import Codec
from cnncompress.cli.main import COMMANDS, HIDDEN_COMMANDS, program
from cnncompress.cli.options.completing import FileName, FolderName

READ = {
    "paths", "files", "file", "original", "others", "originals", "images", "results",
    "--files-from", "--root", "--config", "--anchors", "--codecs-from", "--data", "image",
}  # fmt: skip
"""Parameters that name what is read."""

REPLACED = {("thumbnail", "output")}
"""File managers make the file before they call the command."""

# Command and parameter -> the file, and a command line that writes it.
WRITTEN = {
    ("compress", "--output"): ("x.cnc", "--lossless a.bmp -o x.cnc"),
    ("compress", "--output-dir"): ("a.cnc", "--lossless a.bmp -d ."),
    ("compress", "--json-file"): ("log", "--lossless a.bmp -o x.cnc --json-file log"),
    ("decompress", "--output"): ("x.png", "given.cnc -o x.png"),
    ("decompress", "--output-dir"): ("given.png", "given.cnc -d ."),
    ("decompress", "--json-file"): ("log", "given.cnc -o x.png --json-file log"),
    ("test", "--json-file"): ("log", "given.cnc --json-file log"),
    ("info", "--bits"): ("bits.png", "given.cnc --bits bits.png"),
    ("report", "--output"): ("page.html", "a.bmp -q 0 --against none --quiet -o page.html"),
    ("eval", "--output"): ("results.json", "a.bmp --codecs jpeg --points 2 --metrics psnr -o results.json"),
    ("plot", "--output"): ("rd.svg", "given.json -o rd.svg"),
    ("train", "--output"): ("mine.safetensors", "a.bmp -o mine.safetensors"),
}

# Command lines that would write over a file that they read, and that file.
OVER_INPUT = [
    ("a.bmp", "compress -f --lossless a.bmp -o ./a.bmp"),
    ("given.cnc", "decompress -f --format png given.cnc -o ./given.cnc"),
    ("given.cnc", "info -f given.cnc --bits ./given.cnc"),
    ("m.safetensors", "info -f given.cnc --model m.safetensors --bits ./m.safetensors"),
    ("given.cnc", "thumbnail given.cnc ./given.cnc"),
    ("m.safetensors", "thumbnail --model m.safetensors given.cnc ./m.safetensors"),
    ("a.bmp", "report -f a.bmp -q 0 --against none -o ./a.bmp"),
    ("m.safetensors", "report -f a.bmp --model m.safetensors -q 0 --against none -o ./m.safetensors"),
    ("a.bmp", "eval -f a.bmp --codecs jpeg --points 2 --metrics psnr -o ./a.bmp"),
    ("m.safetensors", "eval -f a.bmp --codecs cnc --model m.safetensors --metrics psnr -o ./m.safetensors"),
    ("curves.json", "eval -f a.bmp --codecs jpeg --metrics psnr --anchors curves.json -o ./curves.json"),
    ("given.json", "plot -f given.json -o ./given.json"),
    ("curves.json", "plot -f given.json --anchors curves.json -o ./curves.json"),
]

BEFORE = b"what was there before"


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def filled(folder: Path, codec: Codec) -> Path:
    """The folder with inputs for the commands."""
    (folder / "given.cnc").write_bytes(codec.compress(folder / "a.bmp", coding="learned"))
    _, words = WRITTEN["eval", "--output"]
    made = _run("eval", *words.replace("results.json", "given.json").split())
    assert made.returncode == 0, made.stderr
    return folder


def test_every_parameter_of_a_file_is_known_to_be_read_or_written() -> None:
    context = click.Context(program)
    unknown = []
    for name in (*COMMANDS, *HIDDEN_COMMANDS):
        command = program.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter.type, (FileName, FolderName, click.Path)):
                label = parameter.opts[-1]
                if label not in READ and (name, label) not in {*WRITTEN, *REPLACED}:
                    unknown.append((name, label))
    assert not unknown


def test_no_command_writes_over_its_input(filled: Path) -> None:
    (filled / "m.safetensors").write_bytes(b"weights")
    (filled / "curves.json").write_text("{}")
    for file, words in OVER_INPUT:
        before = (filled / file).read_bytes()
        refused = _run(*words.split())
        assert (refused.returncode, refused.stdout) == (5, ""), (words, refused.stderr)
        assert f"{file}: is the input" in refused.stderr, (words, refused.stderr)
        assert (filled / file).read_bytes() == before, words


@pytest.mark.slow
def test_an_existing_file_is_replaced_with_f_only(filled: Path) -> None:
    for (name, _), (file, words) in WRITTEN.items():
        (filled / file).write_bytes(BEFORE)
        refused = _run(name, *words.split())
        assert refused.returncode == 5, (name, words, refused.stderr)
        assert refused.stderr.startswith(f"cnncompress: {file}: exists already"), (name, words, refused.stderr)
        assert len(refused.stderr.splitlines()) == 1 or name in ("compress", "decompress"), refused.stderr
        assert (filled / file).read_bytes() == BEFORE, (name, words)
        if name == "train":  # takes long
            continue
        replaced = _run(name, "-f", *words.split())
        assert replaced.returncode == 0, (name, words, replaced.stderr)
        assert (filled / file).read_bytes() != BEFORE, (name, words)
        for written in (file, "x.cnc", "x.png"):
            (filled / written).unlink(missing_ok=True)
