"""Ctrl-C and SIGTERM as a request to stop soon, for work that can keep its results so far."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class StopRequest:
    """A request to stop the work.

    Attributes:
        number: Number of the signal that requested the stop; None before any signal.
    """

    number: int | None = None

    @property
    def exit_code(self) -> int:
        """Exit code of a command that was ended by the signal; 0 without a signal."""
        return 128 + self.number if self.number is not None else 0


@contextlib.contextmanager
def stop_request(stop: Callable[[], None] = lambda: None) -> Iterator[StopRequest]:
    """Records the first signal while the body runs; a second signal has its usual effect.

    Args:
        stop: Called at the first signal, to tell the body. Without it the body must check the request.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.number = number
        restore()
        stop()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
