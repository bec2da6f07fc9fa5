"""What a part that outside data reaches has in common with the others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import fuzz_seeds as seeds
from fuzz_anatomy import resealed
from fuzz_container import damaged_file

from cnncompress.errors import BitstreamError


class Wrong(Exception):
    """A result that contradicts itself."""


def expect(condition: bool, message: str) -> None:
    """Raises `Wrong` unless the condition holds; ``assert`` is not for code that may run under ``-O``."""
    if not condition:
        raise Wrong(message)


class Target:
    """Something to feed with damaged data.

    Attributes:
        name: What it is called on the command line.
        allowed: Exceptions that are answers.
        memory: Bytes of address space that all runs together may take.
    """

    name: ClassVar[str]
    allowed: ClassVar[tuple[type[Exception], ...]] = (BitstreamError,)
    memory: ClassVar[int] = 256 << 20

    def __init__(self, folder: Path, more: Sequence[bytes] = ()) -> None:
        """Takes a folder for files that it needs, and data to start from besides its own."""
        self.folder = folder
        self._more = more

    @cached_property
    def sound(self) -> list[bytes]:
        """Data that nothing is wrong with."""
        return list(self.make_sound())

    @cached_property
    def starts(self) -> list[bytes]:
        """What a search starts from: sound data, and data that once was too much."""
        return [*self.sound, *seeds.corpus(self.name), *self._more]

    def make_sound(self) -> Sequence[bytes]:
        """Makes or reads the sound data."""
        raise NotImplementedError

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        """Returns the data with damage that fits the target."""
        return damaged_file(data, others, rng)

    def repair(self, data: bytes) -> bytes:
        """Makes damage of somebody else's invisible to checksums."""
        return resealed(data)

    def run(self, data: bytes) -> str:
        """Does the work; raises one of `allowed` or returns in a word what came out."""
        raise NotImplementedError

    def close(self) -> None:
        """Puts back what was changed outside."""
