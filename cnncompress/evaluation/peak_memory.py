"""Peak memory of this process, or of a command: ``python -m cnncompress.evaluation.peak_memory COMMAND...``.

Loads nothing but the standard library. A process that another one starts begins with the peak of its parent, so a large
program that wants to know the peak of a command has it started by this small one.
"""

from __future__ import annotations

import subprocess
import sys


def peak_memory_mib(*, of_children: bool = False) -> float | None:
    """Returns the largest resident memory so far in MiB; None on systems that do not tell (Windows).

    Args:
        of_children: Whether to return that of the largest process that this one has started and waited for, instead of
            its own.
    """
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere


def main() -> None:
    """Runs the command, prints its peak to standard output where the system tells it, and ends with its exit code."""
    code = subprocess.run(sys.argv[1:], check=False).returncode
    peak = peak_memory_mib(of_children=True)
    if peak is not None:
        print(peak)
    sys.exit(code)


if __name__ == "__main__":
    main()
