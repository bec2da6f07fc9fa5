"""SIGKILL at random moments of writing: never a partial output, and never the old one lost.

``python scripts/kill_test.py --writes 300 --commands 20 --pairs 1000`` does more of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "kill_test.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCRIPT.exists(), reason="no scripts beside the tests"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes of that kind"),
]


def kill(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_killed_writes(tmp_path: Path) -> None:
    printed = kill("--writes", "40", "--folder", str(tmp_path))
    found = re.match(r"writes: 40 killed: .*?(\d+) in the middle of a write", printed)
    assert found and int(found[1]) >= 5 and "; 0 lost or partial" in printed


def test_killed_commands(tmp_path: Path) -> None:
    printed = kill("--writes", "0", "--commands", "3", "--no-model", "--folder", str(tmp_path))
    assert [line.partition(":")[0] for line in printed.splitlines()[1:]] == ["compress --lossless", "decompress"]
    assert printed.count(" 3 killed: ") == 2 and printed.count("; 0 lost or partial") == 3


def test_killed_pairs(tmp_path: Path) -> None:
    printed = kill("--writes", "0", "--pairs", "8", "--folder", str(tmp_path))
    assert re.search(r"pairs: .*\b[89] processes killed; 0 lost", printed)
