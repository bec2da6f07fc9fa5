"""What a program takes, told by a small one that starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from command_runs import CommandError, timed, watched
from programs import Program


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_peak_of_a_command() -> None:
    ballast = np.ones(2**25)  # 256 MiB that the command does not have
    peaks = []
    for mebibytes in (1, 64):
        run = watched((sys.executable, "-c", f"x = b'x' * ({mebibytes} << 20); print('done')"))
        assert run.output == "done\n" and run.peak_mib is not None
        peaks.append(run.peak_mib)
    assert peaks[0] < 100 and 50 < peaks[1] - peaks[0] < 80 and ballast[0] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
@pytest.mark.parametrize("output", [b"no line", b"\xff\x00\n\n", b""])
def test_any_output_of_a_command_is_kept_apart(output: bytes, tmp_path: Path) -> None:
    command = (sys.executable, "-c", f"import sys; sys.stdout.buffer.write({output!r})")
    for run in (timed(command), watched(command)):
        assert run.output == output.decode(errors="replace")
    program = Program("writer", "1", ".none", command, command)
    assert program.measure(command, tmp_path, tmp_path / "target", 1).peak_mib > 0
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails() -> None:
    for run in (timed, watched):
        with pytest.raises(CommandError, match="failed with exit code 7: no message"):
            run((sys.executable, "-c", "import sys; sys.exit(7)"))
