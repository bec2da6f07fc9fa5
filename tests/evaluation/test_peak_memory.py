"""Peak memory of this process."""

from __future__ import annotations

import sys

import numpy as np

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
