"""What a program takes, told by a small one that starts it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from command_runs import CommandError, timed, watched


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_peak_of_a_command() -> None:
    ballast = np.ones(2**25)  # 256 MiB that the command does not have
    peaks = []
    for mebibytes in (1, 64):
        run = watched((sys.executable, "-c", f"x = b'x' * ({mebibytes} << 20); print('done')"))
        assert run.output == "done" and run.peak_mib is not None
        peaks.append(run.peak_mib)
    assert peaks[0] < 100 and 50 < peaks[1] - peaks[0] < 80 and ballast[0] == 1


def test_a_command_that_fails() -> None:
    for run in (timed, watched):
        with pytest.raises(CommandError, match="failed with exit code 7: no message"):
            run((sys.executable, "-c", "import sys; sys.exit(7)"))
