"""The marker of a finished tar: what was made of which input, with which settings.

It is written before the tar appears under its name. So a tar without a marker was made by something else, and a marker
without a tar of its size belongs to a run that was killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cnncompress.batch.jobs import Action, WorkSettings
from cnncompress.batch.outcomes import MemberFailure, TarReport
from cnncompress.errors import CnncompressError
from cnncompress.files.inputs import read_input

SCHEMA = 1
_MAX_DIGITS = 16


@dataclass(frozen=True)
class Marker:
    """Marker of a finished tar.

    Attributes:
        settings: Digest of the settings that it was made with.
        input_bytes: Size of its input in bytes.
        output_bytes: Size of the tar in bytes.
        seconds: How long it took.
        report: What became of it.
    """

    settings: str
    input_bytes: int
    output_bytes: int
    seconds: float
    report: TarReport

    def to_bytes(self) -> bytes:
        """Returns the contents of the file."""
        return (json.dumps({"schema": SCHEMA, "type": "tar", **dataclasses.asdict(self)}) + "\n").encode()


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
        sizes = {name: int(values[name]) for name in ("input_bytes", "output_bytes")}
        return Marker(
            str(values["settings"]),
            **sizes,
            seconds=float(values["seconds"]),
            report=TarReport(**counts, failures=failures),
        )
    except (CnncompressError, ValueError, TypeError, KeyError):
        return None


def settings_digest(action: Action, settings: WorkSettings, model: str) -> str:
    """Returns a digest of everything that decides the bytes of the members.

    Args:
        action: What is done.
        settings: How every image is processed.
        model: Name and checksum of the model, if one may be used.
    """
    image = dataclasses.replace(settings.image, strip=frozenset())
    values: dict[str, Any] = {
        "action": action,
        "model": model,
        "strip": sorted(settings.image.strip),
        "image": {name: value for name, value in dataclasses.asdict(image).items() if name not in ("limits", "strip")},
        **{
            name: repr(getattr(settings, name))
            for name in ("quality", "encode", "if_larger", "format", "output_quality", "view", "keep_going")
        },
    }
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_MAX_DIGITS]
