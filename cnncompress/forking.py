"""Makes a child process that was forked after its parent has computed able to compute too.

OpenMP's threads do not survive a fork, and the child would wait for them for ever. With a single thread it needs none.
"""

from __future__ import annotations

import functools
import os
import sys


@functools.cache
def compute_after_fork() -> None:
    """Has every later child of this process compute in a single thread; to be called before the process computes.

    A child may raise the number again with ``torch.set_num_threads``, at its own risk. Does nothing where there is no
    fork.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
