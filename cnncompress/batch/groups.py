"""Work on files that wait for each other, so that a GPU runs the networks for several small images at once.

The work on a file is a generator. It yields what the networks are to be run for once everything else is ready, and goes
on from there to its result. Where the engine wants one image after the other, as on a CPU, nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from cnncompress.batch.resources import PixelBudget
from cnncompress.codec.encoding import ImageEncoder
from cnncompress.codec.together import FileDecoder, code_alike, decode_alike

T = TypeVar("T")

MOST_WAITING = 256
"""Files, those among them that need no networks."""

Ready: TypeAlias = ImageEncoder | FileDecoder
Steps: TypeAlias = Generator[Ready, None, T]


def finished(steps: Steps[T]) -> T:
    """Does the work on one file, or the rest of it, without waiting for others."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


@dataclass(frozen=True)
class _Begun(Generic[T]):
    """Work on a file, up to the networks; ``ready`` is None if it needed none and is done."""

    ready: Ready | None
    finish: Callable[[], T]


class Group(Generic[T]):
    """Work that is begun, and ended in the same order once there is enough for the engine.

    What waits has no more pixels than an engine takes at once, besides the image that was added last.
    """

    def __init__(self, budget: PixelBudget) -> None:
        """Begins nothing yet.

        Args:
            budget: Pixels that may be in memory at the same time.
        """
        self._budget = budget
        self._begun: list[_Begun[T]] = []

    def __len__(self) -> int:
        """How many files wait."""
        return len(self._begun)

    def add(self, steps: Steps[T]) -> Iterator[T]:
        """Begins with a file; yields the results of all that wait if that is enough, and else nothing."""
        self._begun.append(_begun(steps))
        ready = self._ready()
        room = max((each.pixels_at_once for each in ready), default=0)
        if sum(each.pixels for each in ready) >= room or len(self) >= MOST_WAITING:
            yield from self.end()

    def end(self) -> Iterator[T]:
        """Yields the results of all that wait."""
        ready = self._ready()
        if len(ready) > 1:
            with self._budget.taken(sum(each.pixels for each in ready)):
                code_alike([each for each in ready if isinstance(each, ImageEncoder)])
                decode_alike([each for each in ready if isinstance(each, FileDecoder)])
        begun, self._begun = self._begun, []
        for each in begun:
            yield each.finish()

    def _ready(self) -> list[Ready]:
        return [each.ready for each in self._begun if each.ready is not None]


def _begun(steps: Steps[T]) -> _Begun[T]:
    try:
        return _Begun(next(steps), lambda: finished(steps))
    except StopIteration as end:
        result: T = end.value
        return _Begun(None, lambda: result)
