"""The list of models that come with the program: ``models/manifest.json``. Reads JSON only, never torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cnncompress.errors import InvalidModel

MANIFEST_NAME = "manifest.json"
SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
        name: What ``--model`` calls it.
        file: Name of the safetensors file beside the manifest.
        sha256: Hash of that file, 64 hexadecimal digits; the first 8 are the fingerprint in every .cnc file.
        licence: Licence of the weights.
        parameters: Number of numbers in the float and the integer networks.
        encode_kmac_per_pixel: Thousand multiply-accumulates per pixel of encoding, float and integer networks together.
        decode_kmac_per_pixel: The same of decoding.
        config: Values of `cnncompress.nn.config.ModelConfig`.
        training: Record of the training run: configuration, steps, minutes, environment, commit.
        data_sources: Where the training images came from, with their licences.
    """

    name: str
    file: str
    sha256: str
    licence: str
    parameters: int
    encode_kmac_per_pixel: float
    decode_kmac_per_pixel: float
    config: dict[str, Any]
    training: dict[str, Any]
    data_sources: list[str]

    @property
    def fingerprint(self) -> str:
        """The 8 hexadecimal digits that a .cnc file holds."""
        return self.sha256[:8]


@dataclass(frozen=True)
class Manifest:
    """All models, and which one is used where none is named.

    Attributes:
        directory: Folder of the manifest and the weights.
        default: Name of the default model.
        entries: The models.
    """

    directory: Path
    default: str
    entries: tuple[Entry, ...]

    def by_name(self, name: str) -> Entry | None:
        """The model of that name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def by_fingerprint(self, fingerprint: str) -> Entry | None:
        """The model with that fingerprint, 8 hexadecimal digits."""
        return next((entry for entry in self.entries if entry.fingerprint == fingerprint), None)


def models_directory() -> Path:
    """Folder of the weights: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def read_manifest(directory: Path | None = None) -> Manifest:
    """Reads the manifest.

    Args:
        directory: Folder of the manifest; by default the models that come with the program.

    Raises:
        InvalidModel: The manifest is missing or not as it should be.
    """
    directory = directory or models_directory()
    path = directory / MANIFEST_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            raise InvalidModel(f"{path}: schema {values['schema']}, this program reads {SCHEMA}")
        return Manifest(directory, values["default"], tuple(Entry(**entry) for entry in values["models"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidModel(f"{path}: {error}") from error


def write_manifest(manifest: Manifest) -> None:
    """Writes the manifest into its folder."""
    values = {
        "schema": SCHEMA,
        "default": manifest.default,
        "models": [asdict(entry) for entry in manifest.entries],
    }
    path = manifest.directory / MANIFEST_NAME
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
