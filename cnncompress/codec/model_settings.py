"""Which model is used, and what runs its networks."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from cnncompress.engines.names import EngineName, Precision
from cnncompress.model.manifest import weights_path


@dataclass(frozen=True)
class ModelSettings:
    """Names a model and how its networks are run; nothing is loaded or checked yet.

    Attributes:
        model: Name of an installed model, or path of a weights file; None for the default.
        device: Name of one device, as for `cnncompress.Codec`.
        threads: CPU threads for each image; None for all cores.
        engine: What runs the networks.
        precision: Number format that they compute in.
    """

    model: str | os.PathLike[str] | None = None
    device: str = "auto"
    threads: int | None = None
    engine: EngineName = "auto"
    precision: Precision = "auto"

    def from_any_folder(self) -> ModelSettings:
        """Returns the same settings for a process with another working folder: a path is made absolute."""
        path = weights_path(self.model)
        return self if path is None else replace(self, model=path.absolute())
