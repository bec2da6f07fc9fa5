"""Lets a child process compute that was forked after its parent has computed.

Threads do not survive a fork: neither those of OpenMP nor those of a pool, and a child would wait for them for ever. In
a child everything that computes is told so, and goes on in a single thread.
"""

from __future__ import annotations

import functools
import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """Something that computes with threads, or holds a lock while others compute."""

    def use_one_thread(self) -> None:
        """Replaces threads and locks; called in a child process before anything else."""
        ...


# A fork copies the whole process, and so the hook below can only be one for the whole process.
_forkable: weakref.WeakSet[Forkable] = weakref.WeakSet()


def watch_forks(owner: Forkable) -> None:
    """Has `Forkable.use_one_thread` called in every child that is forked while the owner lives."""
    _register()
    _forkable.add(owner)


@functools.cache
def _register() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)


def _in_child() -> None:
    for owner in list(_forkable):
        owner.use_one_thread()
