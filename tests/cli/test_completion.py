"""Completion: what the program offers, and what real shells make of it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from command_line import COMMAND
from on_terminal import terminal

from cnncompress.cli.main import program


def offered(*args: str, incomplete: str = "") -> list[tuple[str, str]]:
    completion = ShellComplete(program, {}, "cnncompress", "_CNNCOMPRESS_COMPLETE")
    return [(item.type, item.value) for item in completion.get_completions(list(args), incomplete)]


@pytest.mark.parametrize(
    ("args", "incomplete", "expected"),
    [
        ((), "dec", [("plain", "decompress")]),
        (("compress",), "kod", [("file", "kod")]),
        (("compress", "a.png"), "", [("file", "")]),
        (("compress", "-o"), "x", [("file", "x")]),
        (("compress", "-d"), "x", [("dir", "x")]),
        (("compress", "--root"), "", [("dir", "")]),
        (("compress", "--files-from"), "l", [("file", "l")]),
        (("compress", "--model"), "", [("plain", "base")]),
        (("compress", "--model"), "mine", [("file", "mine")]),
        (("compress", "--device"), "c", [("plain", "cpu"), ("plain", "cuda")]),
        (("train", "photos", "--device"), "m", [("plain", "mps")]),
        (("decompress", "--format"), "s", [("plain", "same")]),
        (("info",), "", [("file", "")]),
        (("compare", "a.png"), "b", [("file", "b")]),
        (("report", "a.png", "-o"), "b", [("file", "b")]),
        (("plot",), "", [("file", "")]),
        (("eval",), "", [("file", "")]),
        (("bench",), "", [("file", "")]),
        (("train", "--config"), "", [("file", "")]),
        (("completion",), "z", [("plain", "zsh")]),
    ],
)
def test_what_is_offered(args: tuple[str, ...], incomplete: str, expected: list[tuple[str, str]]) -> None:
    assert offered(*args, incomplete=incomplete) == expected


STARTS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SOURCES = {
    "bash": "source ./script\n",
    "zsh": "autoload -U compinit; compinit -u -D; source ./script\n",
    "fish": "source ./script\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", STARTS)
def test_real_shells(shell: str, tmp_path: Path) -> None:
    """Types commands with a tab into a shell, and reads what it made of them."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    script = subprocess.run([*COMMAND, "completion", shell], capture_output=True, check=True).stdout
    (tmp_path / "script").write_bytes(script)
    program = tmp_path / "bin" / "cnncompress"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m cnncompress "$@"\n')
    program.chmod(0o755)
    (tmp_path / "kodim05.png").touch()
    (tmp_path / "folder").mkdir()
    typed = {
        "echo cnncompress compress kod": None,
        "cnncompress compress kod": "cnncompress compress kodim05.png",
        "cnncompress compress -d fol": "cnncompress compress -d folder",
        "cnncompress compress --model b": "cnncompress compress --model base",
        "cnncompress compress --device cu": "cnncompress compress --device cuda",
        "cnncompress decomp": "cnncompress decompress",
    }
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "HOME": str(tmp_path),
        "TERM": "dumb" if shell == "bash" else "xterm",
        "PS1": "> ",
        "LANG": "C.UTF-8",
    }
    with terminal(200) as (controller, own):
        process = subprocess.Popen(
            STARTS[shell],
            stdin=own,
            stdout=own,
            stderr=own,
            cwd=tmp_path,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # fish needs a terminal of its own
        )
        try:
            _read(controller, 3.0)
            os.write(controller, SOURCES[shell].encode())
            _read(controller, 3.0)
            for text, completed in typed.items():
                os.write(controller, text.encode() + b"\t")
                shown = _read(controller, 20.0, until=completed)
                assert completed is None or completed in shown, shown
                os.write(controller, b"\x15")  # removes the line
                _read(controller, 0.5)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait(10)


def _read(controller: int, seconds: float, until: str | None = None) -> str:
    """Reads until a text appears, or nothing comes for a moment."""
    shown, end = "", time.monotonic() + seconds
    while time.monotonic() < end and (until is None or until not in shown):
        if select.select([controller], [], [], 0.5)[0]:
            shown += os.read(controller, 65536).decode("utf-8", "replace")
        elif until is None and shown:
            break
    return shown
