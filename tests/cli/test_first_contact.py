"""What somebody meets who does not know the program: help on one screen, and advice on a wrong word."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from command_line import run

from cnncompress.cli.main import COMMANDS, program
from cnncompress.cli.options.groups import SectionCommand


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("foo.jpg", "To compress it: cnncompress compress foo.jpg"),
        ("a b.PNG", "To compress it: cnncompress compress 'a b.PNG'"),
        ("x.cnc", "To decompress it: cnncompress decompress x.cnc"),
        ("photos", "To compress the images in it: cnncompress compress -r photos"),
        ("decompres", "Did you mean 'decompress'?"),
        ("squash", "No such command 'squash'.\n"),
    ],
)
def test_a_word_that_is_no_command(word: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    result = run(word)
    assert result.exit_code == 2 and advice in result.stderr


def test_only_the_nearest_option_is_suggested() -> None:
    message = run("compress", "--quallity", "5", "a.png").stderr
    assert "--quality" in message and "--null" not in message and "--quiet" not in message


@pytest.mark.parametrize("name", COMMANDS)
def test_short_help_is_one_screen(name: str) -> None:
    lines = run(name, "-h", COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    command = program.get_command(click.Context(program), name)
    assert isinstance(command, SectionCommand)
    assert len(lines) <= 24, "\n".join(lines)
    assert lines[-1] == f"cnncompress {name} --help shows everything."
    whole = run(name, "--help").stdout
    assert all(f"{parameter.opts[-1]} " in whole for parameter in command.params if isinstance(parameter, click.Option))
    wide = click.Context(command, info_name=name, terminal_width=1000)
    _, _, options = command.brief_help(wide).partition("Options:\n")
    for line in options.splitlines()[:-2]:
        description = re.split("  +", line.split("  [")[0].strip())[-1]
        assert description.endswith(".") or description.startswith("-"), line


def test_help_of_the_program_is_one_screen() -> None:
    assert len(run("-h").stdout.splitlines()) <= 36


def test_help_and_version_as_other_programs_have_them() -> None:
    assert run("help").stdout == run("--help").stdout
    assert run("help", "info").stdout == run("info", "--help").stdout
    assert run("help", "inf").exit_code == 2
    assert run("-V").stdout == run("--version").stdout
