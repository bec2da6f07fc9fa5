"""Warnings of one file among others that are worked on at the same time."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import warnings
from collections.abc import Iterator
from typing import Any

from cnncompress.errors import FeatureLoss

_collected: contextvars.ContextVar[list[str]] = contextvars.ContextVar("collected")


@contextlib.contextmanager
def losses_noted() -> Iterator[None]:
    """Hands :class:`cnncompress.FeatureLoss` warnings to :func:`collect_losses` of their thread, for a whole run.

    Python's own ``catch_warnings`` catches for all threads at once, so it is used here alone, around all of them.
    """
    with warnings.catch_warnings():
        # Pillow's remarks on odd metadata are no use to the user of a command line.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("always", FeatureLoss)
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any, **options: Any) -> None:
            found = _collected.get(None)
            if found is not None and issubclass(category, FeatureLoss):
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
def collect_losses() -> Iterator[list[str]]:
    """Collects the warnings of this thread in the list; there must be a `losses_noted` around."""
    found: list[str] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)
