"""Weights on disk: a safetensors file per model, checked before use.

The file holds the float networks (``network.*``, float16 or float32), the integer scale networks (``scales.*``, weights
in int8) and the probability tables (``tables.*``); its metadata holds the `ModelConfig`. A .cnc file names its model by
the first four bytes of the SHA-256 of the whole file.

Arrays are read here, and whoever runs the float networks builds them: `cnncompress.nn.stored` as torch modules,
`cnncompress.engines.ncnn` without torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from cnncompress.entropy.scales import IntegerScales, tensor_shapes
from cnncompress.entropy.tables import ScaleTables
from cnncompress.errors import InvalidModel
from cnncompress.model.config import ModelConfig
from cnncompress.model.manifest import NOT_MEASURED, Typical, find_weights
from cnncompress.model.network_arrays import network_shapes

FORMAT = "cnncompress-model-1"
MAX_FILE_BYTES = 1 << 30
"""Larger files are not read: it takes some three times their size."""

_PARTS = ("network", "scales", "tables")
_FLOATS = ("float16", "float32")

Arrays = dict[str, NDArray[Any]]
"""Arrays by name."""


@dataclass(frozen=True)
class Weights:
    """A model, ready to be used.

    Attributes:
        name: Name in the manifest, or the file's name.
        fingerprint: First 4 bytes of the SHA-256 of the file.
        config: Shape of the model.
        network: Arrays of the float networks, float16 or float32, finite, with the shapes of `network_shapes`.
        scales: Integer scale networks.
        tables: Probability tables.
        similarity_share: Weight of MS-SSIM in the distortion that it was trained for, beside squared errors, 0 .. 1,
            without 1.
        typical: Average rate and PSNR by quality.
    """

    name: str
    fingerprint: bytes
    config: ModelConfig
    network: Arrays
    scales: IntegerScales
    tables: ScaleTables
    similarity_share: float = 0.0
    typical: Typical = NOT_MEASURED


def load_weights(model: str | os.PathLike[str] | None) -> Weights:
    """Reads and checks a model.

    Args:
        model: Name in the manifest, path of a safetensors file, or None for the default model.

    Raises:
        UnknownModel: There is no such model.
        InvalidModel: The file is damaged, is no model, or would break the exactness of the integer networks.
    """
    name, path, sha256, typical = find_weights(model)
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InvalidModel(f"{path}: {size} bytes, a model has at most {MAX_FILE_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        known = "" if sha256 is None else f"model {name} with fingerprint {sha256[:8]}: "
        raise InvalidModel(f"{known}{path}: {error.strerror or error}") from error
    digest = hashlib.sha256(data)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise InvalidModel(f"{path}: SHA-256 is {digest.hexdigest()[:8]}..., the manifest says {sha256[:8]}...")
    config, share, arrays = _parse(path, data)
    network, scales, tables = _take_apart(path, config, arrays)
    return Weights(name, digest.digest()[:4], config, network, scales, tables, share, typical)


def _parse(path: Path, data: bytes) -> tuple[ModelConfig, float, Arrays]:
    try:
        arrays = safetensors.numpy.load(data)
        header_size = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + header_size]).get("__metadata__") or {}  # null is allowed there
    except (safetensors.SafetensorError, ValueError) as error:
        raise InvalidModel(f"{path}: not a safetensors file: {error}") from error
    except KeyError as error:  # the library reads more types than it hands to NumPy
        raise InvalidModel(f"{path}: a tensor has type {error}") from error
    if metadata.get("format") != FORMAT:
        raise InvalidModel(f"{path}: not a model of this program ({FORMAT})")
    try:
        values = json.loads(metadata["config"])
        if set(values) != {field.name for field in fields(ModelConfig)}:
            raise ValueError("unexpected fields")
        if not isinstance(values["lambdas"], list):
            raise ValueError("lambdas is no list")
        values["lambdas"] = tuple(float(value) for value in values["lambdas"])
        share = float(metadata.get("similarity_share", 0.0))
        if not 0.0 <= share < 1.0:
            raise ValueError(f"similarity_share is {share}")
        return ModelConfig(**values), share, arrays
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidModel(f"{path}: model configuration: {error}") from error


def _take_apart(path: Path, config: ModelConfig, arrays: Arrays) -> tuple[Arrays, IntegerScales, ScaleTables]:
    parts: dict[str, Arrays] = {part: {} for part in _PARTS}
    for key, array in arrays.items():
        part, _, rest = key.partition(".")
        if part not in parts:
            raise InvalidModel(_unfit(path, key, False))
        parts[part][rest] = array
    network = parts["network"]
    # Before anything of the declared size is allocated.
    _check_shapes(path, {key: (_FLOATS, shape) for key, shape in network_shapes(config).items()}, network)
    scale_shapes = {key: ((kind,), shape) for key, (kind, shape) in tensor_shapes(config).items()}
    _check_shapes(path, scale_shapes, parts["scales"])
    scales = IntegerScales(config, parts["scales"])
    if not all(np.isfinite(array).all() for array in network.values()):
        raise InvalidModel(f"{path}: weights are not finite")
    if not all((network[f"{transform}.klt_std"] > 0).all() for transform in ("g_a", "g_s")):
        raise InvalidModel(f"{path}: standard deviations must be positive")
    for key in sorted({"radii", "weights"} ^ parts["tables"].keys()):
        raise InvalidModel(_unfit(path, key, key not in parts["tables"]))
    for key, array in parts["tables"].items():
        if array.dtype != np.int32:
            raise InvalidModel(f"{path}: tables.{key} has type {array.dtype}")
    return network, scales, ScaleTables(**parts["tables"])


def _unfit(path: Path, key: str, missing: bool) -> str:
    return f"{path}: tensor {key} is missing" if missing else f"{path}: unexpected tensor {key!r:.80}"


def _check_shapes(
    path: Path, expected: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]], found: Mapping[str, NDArray[Any]]
) -> None:
    """Compares arrays with the types that each may have, and with its shape."""
    for key in sorted(expected.keys() ^ found.keys()):
        raise InvalidModel(_unfit(path, key, key in expected))
    for key, (types, shape) in expected.items():
        if found[key].shape != shape:
            raise InvalidModel(f"{path}: {key} has shape {list(found[key].shape)}, not {list(shape)}")
        if found[key].dtype.name not in types:
            raise InvalidModel(f"{path}: {key} has type {found[key].dtype}")


def save_weights(
    path: Path,
    config: ModelConfig,
    network: Mapping[str, NDArray[Any]],
    scales: IntegerScales,
    tables: ScaleTables,
    similarity_share: float = 0.0,
) -> str:
    """Writes a model: the convolutions' weights as float16, the rest as it is.

    Args:
        path: Safetensors file to write.
        config: Shape of the model.
        network: Arrays of the float networks; the weights of convolutions should be rounded to float16 already.
        scales: Integer scale networks.
        tables: Probability tables.
        similarity_share: As in `Weights`.

    Returns:
        SHA-256 of the file, in hexadecimal.
    """
    arrays = {
        f"network.{key}": array.astype(np.float16) if stored_as_half(key) else array for key, array in network.items()
    }
    arrays |= {f"scales.{key}": array for key, array in scales.tensors.items()}
    arrays |= {"tables.radii": tables.radii, "tables.weights": tables.weights}
    metadata = {"format": FORMAT, "config": json.dumps(asdict(config))}
    metadata["similarity_share"] = repr(similarity_share)
    contiguous = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    data = _with_sorted_header(safetensors.numpy.save(contiguous, metadata))
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _with_sorted_header(data: bytes) -> bytes:
    """The library writes metadata in a random order; the same model shall have the same bytes and fingerprint."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def stored_as_half(key: str) -> bool:
    """Whether an array of the float networks is stored as float16: convolution weights, but not the linear path."""
    return key.endswith(".weight")
