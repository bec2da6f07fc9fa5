"""Divides the inputs of a run among machines: which share a task has, and which files belong to it.

Nothing is agreed between the tasks. Each chooses its files from their names alone, before it opens any.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from cnncompress.batch.cnc_files import SAME
from cnncompress.batch.collisions import refuse_collisions
from cnncompress.batch.inputs import CNC, Found
from cnncompress.batch.outputs import DEFAULT_ENDING, Places, compressed_name, decompressed_name
from cnncompress.batch.request import Request, Shard
from cnncompress.errors import PlanError
from cnncompress.images.formats import is_image_ending
from cnncompress.remote import plain_url

_Item = TypeVar("_Item")

_SLURM, _AWS, _KUBERNETES = "SLURM_ARRAY_TASK_ID", "AWS_BATCH_JOB_ARRAY_INDEX", "JOB_COMPLETION_INDEX"
_FIXED = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)
_AUTOMATIC = re.compile(r"auto(?:/(\d{1,9}))?", re.ASCII)


def parse_shard(text: str, environment: Mapping[str, str]) -> Shard:
    """Returns the share that a text like ``3/100``, ``auto`` or ``auto/100`` means.

    ``auto`` reads the variables of a Slurm array, an AWS Batch array or an indexed job of Kubernetes. The latter does
    not tell the number of tasks, which then has to be given.

    Args:
        text: Index and number of the tasks.
        environment: Variables of the process.

    Raises:
        PlanError: The text is none of these, no scheduler has set its variables, or they do not tell the share.
    """
    fixed, automatic = _FIXED.fullmatch(text), _AUTOMATIC.fullmatch(text)
    if fixed:
        return _checked(int(fixed[1]), int(fixed[2]))
    if not automatic:
        raise PlanError(f"{text!r} is not a shard like 0/100, auto or auto/100")
    count = int(automatic[1]) if automatic[1] else None
    if _SLURM in environment:
        return _of_slurm(environment, count)
    if _AWS in environment:
        return _checked(_number(environment, _AWS), count or _number(environment, "AWS_BATCH_JOB_ARRAY_SIZE"))
    if _KUBERNETES in environment:
        if count is None:
            raise PlanError(
                "the environment of an indexed job lacks the number of completions; give it, as in auto/100"
            )
        return _checked(_number(environment, _KUBERNETES), count)
    raise PlanError(f"auto needs one of the variables {_SLURM}, {_AWS}, {_KUBERNETES}; none is set")


def _of_slurm(environment: Mapping[str, str], count: int | None) -> Shard:
    index = _number(environment, _SLURM)
    if count is not None:
        largest = environment.get("SLURM_ARRAY_TASK_MAX", "")
        if largest.isdecimal() and int(largest) >= count:  # for all tasks, as else only the last would fail
            raise PlanError(
                f"the tasks of the array go up to {largest}; shards are counted from 0, so --array=0-{count - 1}"
            )
        return _checked(index, count)
    first, last = _number(environment, "SLURM_ARRAY_TASK_MIN"), _number(environment, "SLURM_ARRAY_TASK_MAX")
    tasks = _number(environment, "SLURM_ARRAY_TASK_COUNT")
    # An array of the tasks that are to be repeated tells nothing about the number of shards.
    if last - first + 1 != tasks or first > 1:
        raise PlanError(
            f"a Slurm array of {tasks} tasks from {first} to {last} does not tell the number of shards; "
            "give it, as in auto/100, with tasks from 0"
        )
    return _checked(index - first, tasks)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not (text.isascii() and text.isdecimal()):
        raise PlanError(f"the variable {name} is {text!r}, expected a number")
    return int(text)


def _checked(index: int, count: int) -> Shard:
    if not 0 <= index < count:
        raise PlanError(f"there is no shard {index} of {count}; shards are counted from 0")
    return Shard(index, count)


def holds(shard: Shard, name: str) -> bool:
    """Checks whether a file belongs to a shard.

    The name decides, and not the position in a list: a list of a folder that others write to differs between tasks.

    Args:
        shard: The shard.
        name: Path of the file below the root folder, with slashes.
    """
    return zlib.crc32(os.fsencode(name)) % shard.count == shard.index


def every_nth(shard: Shard, items: Sequence[_Item]) -> Sequence[_Item]:
    """Returns every N-th item from the I-th on, for few items that are as large as each other."""
    return items[shard.index :: shard.count]


class Share:
    """Chooses the files of one shard from all files, and checks that no two of all have the same output.

    Attributes:
        total: Number of files seen.
    """

    def __init__(self, request: Request, shard: Shard) -> None:
        """Has seen no file yet.

        Args:
            request: The request.
            shard: The shard whose files are chosen.
        """
        self.total = 0
        self._request = request
        self._shard = shard
        self._places = Places(request.outputs)

    def of(self, names: Iterable[Found]) -> list[Found]:
        """Returns the files of the shard.

        Args:
            names: All files of the request, not yet looked into.

        Raises:
            PlanError: Two files would have the same output, or a file is not below the root folder.
        """
        own: list[Found] = []
        refuse_collisions(self._targets(names, own), self._request.operation)
        return own

    def _targets(self, names: Iterable[Found], own: list[Found]) -> Iterator[tuple[str, str]]:
        for found in names:
            self.total += 1
            if holds(self._shard, self._key(found)):
                own.append(found)
            name = self._expected_name(found)
            if name is not None:
                yield found.path, self._places.of(found, name)

    def _key(self, found: Found) -> str:
        if found.error is not None or (found.named and self._request.outputs.root is None):
            return found.path
        return self._places.relative(found).replace(os.sep, "/")

    def _expected_name(self, found: Found) -> str | None:
        """Name of the output, as far as the name of the input tells it; None without an output."""
        operation, outputs = self._request.operation, self._request.outputs
        if found.error is not None or operation == "test":
            return None
        name = os.path.basename(plain_url(found.path))  # noqa: PTH119 - ten times as fast
        ending = name.rpartition(".")[2]
        if operation == "compress" and (found.named or is_image_ending(ending)):
            return compressed_name(name, append_suffix=outputs.append_suffix)
        if operation == "decompress" and (found.named or ending.lower() == CNC):
            return decompressed_name(name, DEFAULT_ENDING if outputs.ending in (None, SAME) else str(outputs.ending))
        return name if outputs.copy_others else None
