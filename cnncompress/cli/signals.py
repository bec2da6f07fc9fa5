"""Ctrl-C and SIGTERM as a request to stop soon, for work that leaves something to go on from."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class StopRequest:
    """Whether the work shall stop.

    Attributes:
        number: The signal that asked for it; None as long as none did.
    """

    number: int | None = None

    @property
    def exit_code(self) -> int:
        """Exit code of a command that a signal ended; 0 without one."""
        return 128 + self.number if self.number is not None else 0


@contextlib.contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Notes the first signal for the body to look at; a second one acts as it always does."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        request.number = number
        restore()

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
