"""Follows the samples of a tar archive through the names of its members.

WebDataset ends a sample where the next member has another key. Members of a sample that are not next to each other
become samples of their own there, without a word.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from cnncompress.batch.tar_members import key_of
from cnncompress.units import plural


class Samples:
    """Names of the members so far, as hashes: a million members take about 100 MB."""

    def __init__(self) -> None:
        """Has seen no member yet."""
        self._key = ""
        self._keys: set[int] = set()
        self._scattered: set[int] = set()
        self._names: set[int] = set()

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line about samples whose members are not next to each other; none if there are no such samples."""
        if not self._scattered:
            return ()
        samples = plural(len(self._scattered), "sample")
        return (f"{samples} with members that are not next to each other, which WebDataset reads as several samples",)

    def see(self, name: str) -> None:
        """Notes the sample that a file of the archive belongs to.

        Args:
            name: Name of the file; one without an ending belongs to no sample.
        """
        if "." not in PurePosixPath(name).name[1:]:
            return
        key = key_of(name)
        if key == self._key:
            return
        self._key, number = key, hash(key)
        (self._scattered if number in self._keys else self._keys).add(number)

    def take(self, name: str) -> bool:
        """Reserves a name in the new archive; returns False if another member has it."""
        number = hash(name)
        if number in self._names:
            return False
        self._names.add(number)
        return True
