"""What stands around the codec: completion, versions, help, and looks into files."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND, run


def test_completion() -> None:
    for shell in ("bash", "zsh", "fish"):
        result = run("completion", shell)
        assert result.exit_code == 0 and "_CNNCOMPRESS_COMPLETE" in result.stdout
    environment = {
        **os.environ,
        "_CNNCOMPRESS_COMPLETE": "zsh_complete",
        "COMP_WORDS": "cnncompress co",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False)
    assert "compress" in done.stdout and "completion" in done.stdout


@pytest.mark.parametrize("args", [("-v", "--version"), ("--version", "-v")])
def test_version_with_what_it_stands_on(args: tuple[str, ...]) -> None:
    result = run(*args)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and lines[0].startswith("cnncompress ")
    for name in ("python", "torch", "constriction", "cuda", "device cpu", "model "):
        assert any(line.startswith(name) for line in lines), name


def test_help_has_sections() -> None:
    text = run("compress", "--help").stdout
    places = [text.index(f"\n{title}:\n") for title in ("Rate and quality", "Files", "Picture", "Running", "Messages")]
    assert places == sorted(places)
    assert {"[default: 60; 0<=x<=100]", "[default: 2G]"} <= set(re.findall(r"\[default: .*?\]", " ".join(text.split())))
    text = run("decompress", "--help").stdout
    places = [text.index(f"\n{title}:\n") for title in ("Files", "Picture", "Running", "Messages", "Options")]
    assert places == sorted(places) and "--append-suffix" not in text


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
@pytest.mark.parametrize("command", [["info"], ["test"], ["test", "--decode"], ["decompress", "-c"]])
def test_files_are_read_no_further_than_their_heads(command: list[str]) -> None:
    result = run(*command, "/dev/zero")
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("cnncompress: /dev/zero: ") and result.stderr.count("\n") == 1
