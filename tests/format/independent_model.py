"""The weights file, written from docs/FORMAT.md alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from independent_container import check
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_TYPES = {"F16": "<f2", "F32": "<f4", "I8": "i1", "I32": "<i4", "U8": "u1"}


@dataclass(frozen=True)
class Model:
    """A weights file: its configuration and its tensors by name."""

    config: dict[str, Any]
    tensors: dict[str, NDArray[Any]]

    @property
    def anchors(self) -> int:
        """A, the number of anchor qualities."""
        return len(self.config["lambdas"])


def read_model(data: bytes) -> Model:
    """Reads a weights file."""
    end = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:end])
    metadata = entries.pop("__metadata__")
    check(metadata["format"] == "cnncompress-model-1", "foreign model")
    tensors = {}
    for name, entry in entries.items():
        first, last = entry["data_offsets"]
        values = np.frombuffer(data[end + first : end + last], dtype=_TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return Model(json.loads(metadata["config"]), tensors)
