"""The list of installed models, ``models/manifest.json``; reading it does not import torch."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cnncompress.errors import InvalidModel, UnknownModel
from cnncompress.files.kinds import reason
from cnncompress.model import json_fields as fields

MANIFEST_NAME = "manifest.json"
SUFFIX = ".safetensors"
SCHEMA = 1


@dataclass(frozen=True)
class Typical:
    """Average rate and PSNR on photographs by quality; single images can be several times off.

    A search for a quality begins there, and a dry run shows it.

    Attributes:
        qualities: Two or more in ``0 .. 100``, rising.
        bpp: Bits per pixel at each, above 0, rising.
        psnr: Peak signal-to-noise ratio at each, in dB, rising.
    """

    qualities: tuple[float, ...]
    bpp: tuple[float, ...]
    psnr: tuple[float, ...]

    def __post_init__(self) -> None:
        rising = all(tuple(sorted(set(each))) == each for each in (self.qualities, self.bpp, self.psnr))
        if not (rising and 2 <= len(self.qualities) == len(self.bpp) == len(self.psnr) and self.bpp[0] > 0):
            raise ValueError("typical figures must be two or more, and rise with the quality")


NOT_MEASURED = Typical((0.0, 40.0, 100.0), (0.06, 0.5, 3.2), (25.5, 33.0, 44.5))
"""For models that have no figures of their own: roughly what those with the default anchors do."""


@dataclass(frozen=True)
class TrainingRecord:
    """How a model was trained; what a manifest does not say is None or empty.

    Attributes:
        minutes: Time of training.
        steps: Steps of the optimiser.
        environment: Software and processor.
        held_out: Names of the validation images.
        commit: Commit of the program that exported the model.
        config: Values of `cnncompress.training.config.TrainConfig`, but for the shape of the model.
    """

    minutes: float | None = None
    steps: int | None = None
    environment: str | None = None
    held_out: tuple[str, ...] = ()
    commit: str | None = None
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """An installed model.

    Attributes:
        name: Name, as given to ``--model``.
        file: Name of the safetensors file, in the folder of the manifest.
        sha256: SHA-256 of that file, 64 hexadecimal digits; the first 8 are the fingerprint in .cnc files.
        licence: Licence of the weights.
        parameters: Number of parameters of the float and the integer networks.
        encode_kmac_per_pixel: Thousands of multiply-accumulates per pixel for encoding, of float and integer networks.
        decode_kmac_per_pixel: Thousands of multiply-accumulates per pixel for decoding.
        config: Values of `cnncompress.model.config.ModelConfig`.
        training: How it was trained.
        data_sources: Sources of the training images, with their licences.
        typical: Measured by ``scripts/typical.py``.
    """

    name: str
    file: str
    sha256: str
    licence: str
    parameters: int
    encode_kmac_per_pixel: float
    decode_kmac_per_pixel: float
    config: dict[str, Any]
    training: TrainingRecord
    data_sources: list[str]
    typical: Typical = NOT_MEASURED

    @property
    def fingerprint(self) -> str:
        """Fingerprint as .cnc files contain it, as 8 hexadecimal digits."""
        return self.sha256[:8]


@dataclass(frozen=True)
class Manifest:
    """All installed models.

    Attributes:
        directory: Folder of the manifest and the weights.
        default: Name of the model that is used if none is named.
        entries: The models.
    """

    directory: Path
    default: str
    entries: tuple[Entry, ...]

    def by_name(self, name: str) -> Entry | None:
        """Returns the model with a name; None if there is none."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def by_fingerprint(self, fingerprint: str) -> Entry | None:
        """Returns the model with a fingerprint, 8 hexadecimal digits; None if there is none."""
        return next((entry for entry in self.entries if entry.fingerprint == fingerprint), None)


MODELS_VARIABLE = "CNNCOMPRESS_MODEL_DIR"
"""Environment variable with the path of another folder of models."""


def models_directory() -> Path:
    """Returns the folder of the models.

    This is the folder in the environment variable `MODELS_VARIABLE`, else ``models`` inside an installed package, else
    ``models`` beside the package in a checkout.
    """
    chosen = os.environ.get(MODELS_VARIABLE)
    if chosen:
        return Path(chosen)
    package = Path(__file__).resolve().parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"


def read_manifest(directory: Path | None = None) -> Manifest:
    """Reads the manifest.

    Args:
        directory: Folder of the manifest; by default that of the installed models.

    Raises:
        InvalidModel: The manifest is missing or invalid.
    """
    named = directory is None and bool(os.environ.get(MODELS_VARIABLE))
    directory = directory or models_directory()
    path = directory / MANIFEST_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("not a manifest")
        schema = fields.field(values, "schema", fields.WHOLE_NUMBER)
        if schema != SCHEMA:
            raise ValueError(f"schema {schema}, this program reads {SCHEMA}")
        models = fields.field(values, "models", fields.OBJECTS)
        return Manifest(directory, fields.field(values, "default", fields.TEXT), tuple(map(_entry, models)))
    except (OSError, ValueError) as error:
        chosen = f" ({MODELS_VARIABLE} names the folder)" if named else ""
        raise InvalidModel(f"{path}: {reason(error)}{chosen}") from error


def _entry(values: dict[str, Any]) -> Entry:
    return Entry(
        name=fields.field(values, "name", fields.TEXT),
        file=fields.field(values, "file", fields.TEXT),
        sha256=fields.field(values, "sha256", fields.TEXT),
        licence=fields.field(values, "licence", fields.TEXT),
        parameters=fields.field(values, "parameters", fields.WHOLE_NUMBER),
        encode_kmac_per_pixel=fields.field(values, "encode_kmac_per_pixel", fields.NUMBER),
        decode_kmac_per_pixel=fields.field(values, "decode_kmac_per_pixel", fields.NUMBER),
        config=fields.field(values, "config", fields.OBJECT),
        training=_training(fields.field(values, "training", fields.OBJECT)),
        data_sources=fields.field(values, "data_sources", fields.TEXTS),
        typical=_typical(fields.field(values, "typical", fields.OBJECT)) if "typical" in values else NOT_MEASURED,
    )


def _training(values: dict[str, Any]) -> TrainingRecord:
    config = fields.field(values, "config", fields.OBJECT, {})
    return TrainingRecord(
        minutes=fields.field(values, "minutes", fields.NUMBER, None),
        steps=fields.field(values, "steps", fields.WHOLE_NUMBER, None),
        environment=fields.field(values, "environment", fields.TEXT, None),
        held_out=tuple(fields.field(values, "held_out", fields.TEXTS, [])),
        commit=fields.field(values, "commit", fields.TEXT, None),
        config=config,
    )


def _typical(values: dict[str, Any]) -> Typical:
    qualities, bpp, psnr = (
        tuple(map(float, fields.field(values, name, fields.NUMBERS))) for name in ("qualities", "bpp", "psnr")
    )
    return Typical(qualities, bpp, psnr)


def write_manifest(manifest: Manifest) -> None:
    """Writes the manifest into its folder."""
    values = {
        "schema": SCHEMA,
        "default": manifest.default,
        "models": [asdict(entry) for entry in manifest.entries],
    }
    path = manifest.directory / MANIFEST_NAME
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


class FoundWeights(NamedTuple):
    """Where the weights of a model are, and what the manifest says of them.

    Attributes:
        name: Of the model.
        path: Of the weights file.
        sha256: That the file must have; None for a path that is not from the manifest.
        typical: Average rate and PSNR by quality.
    """

    name: str
    path: Path
    sha256: str | None = None
    typical: Typical = NOT_MEASURED


def weights_path(model: str | os.PathLike[str] | None) -> Path | None:
    """Returns the path that a model is named by; None for a name in the manifest.

    What a name stands for does not depend on the files that happen to be there.

    Args:
        model: As for `cnncompress.Codec`.
    """
    if isinstance(model, str) and not (model.endswith(SUFFIX) or "/" in model or os.sep in model):
        return None
    return None if model is None else Path(model)


def find_weights(model: str | os.PathLike[str] | None) -> FoundWeights:
    """Finds the weights file of a model.

    Args:
        model: Name in the manifest, path of a safetensors file, or None for the default model.

    Raises:
        UnknownModel: No model has this name, or the weights file does not exist.
        InvalidModel: The manifest cannot be read, or a file is named that is not a weights file.
    """
    path = weights_path(model)
    if path is not None:
        if not path.is_file():
            raise UnknownModel(f"no weights file {path}")
        return FoundWeights(path.stem, path)
    manifest = read_manifest()
    entry = manifest.by_name(manifest.default if model is None else str(model))
    if entry is None:
        if model is not None and Path(model).is_file():
            raise InvalidModel(f"{model} is not a weights file: its name does not end in {SUFFIX}")
        names = ", ".join(known.name for known in manifest.entries)
        raise UnknownModel(f"no model named {model!r}; available: {names}")
    path = manifest.directory / entry.file
    return FoundWeights(entry.name, path, entry.sha256, entry.typical)


def weights_identity(model: str | os.PathLike[str] | None) -> str:
    """Returns the SHA-256 of the weights of a model; errors as for `find_weights`."""
    found = find_weights(model)
    return found.sha256 or hashlib.sha256(found.path.read_bytes()).hexdigest()


def find_by_fingerprint(fingerprint: bytes) -> str:
    """Returns the name of the installed model with a fingerprint.

    Args:
        fingerprint: First 4 bytes of the SHA-256 of the weights.

    Raises:
        UnknownModel: No installed model has this fingerprint.
    """
    entry = read_manifest().by_fingerprint(fingerprint.hex())
    if entry is None:
        raise UnknownModel(
            f"the file needs the model with fingerprint {fingerprint.hex()}, which is not installed; "
            "give its weights file with --model"
        )
    return entry.name
