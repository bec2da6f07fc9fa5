"""Peak memory of this process, and of one that it has started by a small one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cnncompress.evaluation.peak_memory import peak_memory_mib


def test_own_peak_grows() -> None:
    if sys.platform == "win32":
        assert peak_memory_mib() is None
        return
    before = peak_memory_mib()
    assert before is not None and 10 < before < 100_000
    np.ones(int(before * 2**20) // 8 + 2**22).sum()
    after = peak_memory_mib()
    assert after is not None and after > before


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell")
def test_peak_of_a_command() -> None:
    ballast = np.ones(2**25)  # 256 MiB that the command does not have
    launcher = [sys.executable, "-m", "cnncompress.evaluation.peak_memory", sys.executable, "-c"]
    peaks = []
    for mebibytes in (1, 64):
        program = f"import sys; x = b'x' * ({mebibytes} << 20); sys.exit(7)"
        done = subprocess.run([*launcher, program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (7, "")
        peaks.append(float(done.stdout))
    assert peaks[0] < 100 and 50 < peaks[1] - peaks[0] < 80 and ballast[0] == 1
