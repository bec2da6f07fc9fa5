"""Warnings of one file among others that are worked on at the same time."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from cnncompress.errors import FeatureLoss, PartLost

_collected: dict[type[Warning], contextvars.ContextVar[list[str]]] = {
    FeatureLoss: contextvars.ContextVar("features"),
    PartLost: contextvars.ContextVar("parts"),
}


@contextlib.contextmanager
def routed_warnings() -> Iterator[None]:
    """Hands warnings of what is lost to :func:`file_warnings` of their thread, for a whole run.

    Python's own ``catch_warnings`` catches for all threads at once, so it is used here alone, around all of them.
    """
    with warnings.catch_warnings():
        # Pillow's remarks on odd metadata are no use to the user of a command line.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for kind in _collected:
            warnings.simplefilter("always", kind)
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any, **options: Any) -> None:
            found = _collected[category].get(None) if category in _collected else None
            if found is not None:
                found.append(str(message))
            else:
                show(message, category, *rest, **options)

        warnings.showwarning = note
        with _silent_log("PIL"):  # what it has against damaged pictures comes as an error as well
            yield


@contextlib.contextmanager
def _silent_log(name: str) -> Iterator[None]:
    # Without any handler, Python prints errors to standard error.
    handler = logging.NullHandler()
    logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger(name).removeHandler(handler)


@contextlib.contextmanager
def file_warnings(kind: type[Warning] = FeatureLoss) -> Iterator[list[str]]:
    """Collects the warnings of this thread in the list; there must be a `routed_warnings` around.

    Args:
        kind: :class:`cnncompress.FeatureLoss` or :class:`cnncompress.PartLost`.
    """
    found: list[str] = []
    token = _collected[kind].set(found)
    try:
        yield found
    finally:
        _collected[kind].reset(token)
