"""All targets, by name."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from fuzz_fields import field_targets
from fuzz_images import ChunksTarget, DecodeTarget, PillowTarget, TinyDecodeTarget
from fuzz_parts import ContainerTarget, EntropyTarget, ModelTarget
from fuzz_read import ReadTarget
from fuzz_target import Target

TARGETS: tuple[type[Target], ...] = (
    ContainerTarget,
    EntropyTarget,
    ChunksTarget,
    TinyDecodeTarget,
    DecodeTarget,
    PillowTarget,
    ModelTarget,
    ReadTarget,
    *field_targets(),
)


@contextlib.contextmanager
def opened(name: str, more: Sequence[bytes] = ()) -> Iterator[Target]:
    """Prepares a target by its name, with more data to start from if there is some, and tidies up behind it."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    kind = next(target for target in TARGETS if target.name == name)
    target = kind(folder, more)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd originals; an error if a test made it one
            yield target
    finally:
        target.close()
        shutil.rmtree(folder)
