"""Runs a target on data again and again, with a clock, and keeps count."""

from __future__ import annotations

import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from fuzz_target import Target

MAX_SECONDS = 10.0
"""CPU time that one run may take."""

_POOL = 400
"""Damaged data that was answered in a new way is damaged further; so much of it is kept."""


class TooSlow(BaseException):
    """A run took too long; no ``except Exception`` may swallow it."""


@dataclass(frozen=True)
class Finding:
    """Data that something is wrong with, and what."""

    data: bytes
    message: str


@dataclass
class Report:
    """What happened so far.

    Attributes:
        runs: How many inputs were tried.
        outcomes: How often each result or error came out.
        findings: One for each place where something went wrong, by that place.
        slowest: CPU seconds of the slowest run.
    """

    runs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)
    slowest: float = 0.0

    def execute(self, target: Target, data: bytes) -> str:
        """Runs the target once and returns the outcome."""
        begin = time.process_time()
        try:
            with _limited_time():
                outcome = f"ok: {target.run(data)}"
        except target.allowed as error:
            outcome = type(error).__name__
            if "\n" in str(error):
                outcome = self._note(error, data, "a message of several lines")
        except (Exception, TooSlow) as error:
            outcome = self._note(error, data, "not allowed")
        self.runs += 1
        self.outcomes[outcome] += 1
        self.slowest = max(self.slowest, time.process_time() - begin)
        return outcome

    def _note(self, error: BaseException, data: bytes, why: str) -> str:
        place = traceback.extract_tb(error.__traceback__)[-1]
        key = f"{type(error).__name__} at {place.name}"
        text = "".join(traceback.format_exception(error))
        self.findings.setdefault(key, Finding(data, f"{why}: {key}\n{text}"))
        return f"FINDING {key}"


def run(target: Target, report: Report, *, seed: int, over: Callable[[], bool]) -> None:
    """Feeds a target with damaged data until it is over.

    Args:
        target: What to feed.
        report: Is carried on.
        seed: The same one gives the same data, whatever the machine.
        over: Asked before each run.
    """
    rng = random.Random(seed)
    pool: list[bytes] = []
    while not over():
        taken_up = pool and rng.random() < 0.3
        start = rng.choice(pool if taken_up else target.starts if rng.random() < 0.2 else target.sound)
        data = target.damage(start, target.starts, rng)
        kinds = len(report.outcomes)
        if report.execute(target, data).startswith("ok") or len(report.outcomes) > kinds:
            pool.append(data)
        if len(pool) > _POOL:
            del pool[rng.randrange(len(pool))]


@contextmanager
def _limited_time() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {MAX_SECONDS} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
