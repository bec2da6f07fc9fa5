"""What a command takes: ``python -I -S timed_command.py REPORT COMMAND...`` writes it to a file.

The file REPORT gets seconds, CPU seconds and MiB as JSON; standard output is the command's own. A program of its own,
with nothing but the standard library: a process begins with the peak memory of the one that starts it, so that one has
to be small. CPU time is that of all threads, and of the processes that the command started and waited for; memory is
that of the largest of these processes. For systems that tell (not Windows).
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time


def main() -> None:
    """Runs the command and ends with its exit code."""
    report, *command = sys.argv[1:]
    start = time.perf_counter()
    code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)  # bytes there, KiB elsewhere
    with open(report, "w") as stream:
        json.dump({"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "peak_mib": peak}, stream)
    sys.exit(code)


if __name__ == "__main__":
    main()
