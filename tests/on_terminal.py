"""Commands on a terminal of a given width."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from command_line import COMMAND


@contextlib.contextmanager
def terminal(columns: int) -> Iterator[tuple[int, int]]:
    """Opens a terminal, and yields the descriptors of its controller and of itself."""
    controller, own = pty.openpty()
    fcntl.ioctl(own, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    try:
        yield controller, own
    finally:
        for descriptor in (own, controller):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def on_terminal(
    args: Sequence[str | Path], *, columns: int = 80, term: str = "xterm", code: int = 0, cwd: Path | None = None
) -> str:
    """Runs a command with standard error on a terminal, and returns what it wrote there."""
    shown: list[bytes] = []
    environment = {**os.environ, "TERM": term, "NO_COLOR": "1"}
    with terminal(columns) as (controller, own):

        def read() -> None:
            with contextlib.suppress(OSError):  # the terminal is closed
                while part := os.read(controller, 65536):
                    shown.append(part)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        done = subprocess.run(
            [*COMMAND, *map(str, args)], stdout=subprocess.DEVNULL, stderr=own, env=environment, cwd=cwd, check=False
        )
        os.close(own)
        reader.join(10)
    text = b"".join(shown).decode()
    assert done.returncode == code, text
    return text


def frames(text: str) -> list[str]:
    """What stood in a line of the terminal at any time, without the sequences that move the cursor."""
    for sequence in ("\x1b[K", "\x1b[A"):
        text = text.replace(sequence, "")
    return [frame for line in text.split("\n") for frame in line.split("\r") if frame.strip()]
