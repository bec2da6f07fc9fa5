"""The marker of a finished tar: what was made of which input, with which settings.

It is written before the tar appears under its name. So a tar without a marker was made by something else, and a marker
without a tar of its size belongs to a run that was killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from cnncompress.batch.jobs import WorkSettings
from cnncompress.batch.outcomes import MemberFailure, TarReport
from cnncompress.batch.request import Operation, TarWork
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import CnncompressError
from cnncompress.files.inputs import read_input
from cnncompress.model.manifest import weights_identity
from cnncompress.remote import Facts, plain_url

SCHEMA = 1
_MAX_DIGITS = 16


@dataclass(frozen=True)
class Marker:
    """Marker of a finished tar.

    Attributes:
        settings: Digest of the settings that it was made with.
        input_name: Name of its input, without folders.
        input_bytes: Size of its input in bytes.
        input_version: Version of its input, as `cnncompress.remote.Facts` has it.
        output_bytes: Size of the tar in bytes.
        seconds: How long it took.
        report: What became of it.
    """

    settings: str
    input_name: str
    input_bytes: int
    input_version: str
    output_bytes: int
    seconds: float
    report: TarReport

    def is_of(self, source: str, facts: Facts) -> bool:
        """Checks whether the tar was made of an input as it is now.

        Tars are padded, so that two often have one size.

        Args:
            source: Path or URL of the input.
            facts: Its size and version.
        """
        is_version = not (self.input_version and facts.version) or self.input_version == facts.version
        return is_version and (self.input_name, self.input_bytes) == (input_name(source), facts.size)

    def to_bytes(self) -> bytes:
        """Returns the contents of the file."""
        return (json.dumps({"schema": SCHEMA, "type": "tar", **dataclasses.asdict(self)}) + "\n").encode()


def input_name(source: str) -> str:
    """Returns the name of a tar without its folders, which may be others in the next run."""
    return PurePath(plain_url(source)).name


def marker_path(target: str) -> str:
    """Returns the path of the marker of a tar."""
    return f"{target}.json"


def read_marker(target: str) -> Marker | None:
    """Returns the marker of a tar; None if there is none, or it is none of ours.

    Args:
        target: Path of the tar.
    """
    try:
        values = json.loads(read_input(marker_path(target)))
        if values["schema"] != SCHEMA or values["type"] != "tar":
            return None
        report = values["report"]
        failures = tuple(MemberFailure(**failure) for failure in report["failures"])
        counts = {name: int(report[name]) for name in ("images", "others", "pixels")}
        return Marker(
            settings=str(values["settings"]),
            input_name=str(values["input_name"]),
            input_bytes=int(values["input_bytes"]),
            input_version=str(values["input_version"]),
            output_bytes=int(values["output_bytes"]),
            seconds=float(values["seconds"]),
            report=TarReport(**counts, failures=failures),
        )
    except (CnncompressError, ValueError, TypeError, KeyError):
        return None


def tar_work(
    operation: Operation, settings: WorkSettings, model: ModelSettings, *, append_suffix: bool = False
) -> TarWork:
    """Returns how the members of a tar are processed, with a digest of everything that decides their names and bytes.

    The device is not among it: as with single images, what one has begun another may go on with.

    Args:
        operation: What is done.
        settings: How every image is processed.
        model: The model, and how its networks are run.
        append_suffix: Whether ``.cnc`` is appended to the ending of a member instead of replacing it.

    Raises:
        ModelError: The model is unknown.
    """
    image = dataclasses.replace(settings.image, strip=frozenset())
    values: dict[str, Any] = {
        "operation": operation,
        "append_suffix": append_suffix,
        "strip": sorted(settings.image.strip),
        "image": {name: value for name, value in dataclasses.asdict(image).items() if name not in ("limits", "strip")},
        **{
            name: repr(getattr(settings, name))
            for name in ("quality", "encode", "if_larger", "format", "output_quality", "view", "keep_going")
        },
    }
    if settings.encode.may_need_model:
        weights = weights_identity(model.model) if operation == "compress" else ""  # files name theirs
        values |= {"model": weights, "engine": model.engine, "precision": model.precision}
    text = json.dumps(values, sort_keys=True)
    return TarWork(hashlib.sha256(text.encode()).hexdigest()[:_MAX_DIGITS], append_suffix)
