"""Weights on disk: a safetensors file per model, checked before use.

The file holds the float networks (``network.*``, float16 or float32), the integer scale networks (``scales.*``, weights
in int8) and the probability tables (``tables.*``); its metadata holds the `ModelConfig`. A .cnc file names its model by
the first four bytes of the SHA-256 of the whole file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from cnncompress.entropy.scales import IntegerScales, tensor_shapes
from cnncompress.entropy.tables import ScaleTables
from cnncompress.errors import InvalidModel
from cnncompress.model.config import ModelConfig
from cnncompress.model.manifest import find_weights
from cnncompress.nn.network import CodecNetwork

FORMAT = "cnncompress-model-1"
MAX_FILE_BYTES = 1 << 30
"""Larger files are not read: it takes some three times their size."""

_PARTS = ("network", "scales", "tables")
_STORED_AS = {torch.float32: (torch.float16, torch.float32)}
"""Types that a tensor of a network may have in a file, where it is not just its own."""


@dataclass(frozen=True)
class Weights:
    """A model, ready to be used.

    Attributes:
        name: Name in the manifest, or the file's name.
        fingerprint: First 4 bytes of the SHA-256 of the file.
        network: Float networks, float32, on the CPU.
        scales: Integer scale networks.
        tables: Probability tables.
    """

    name: str
    fingerprint: bytes
    network: CodecNetwork
    scales: IntegerScales
    tables: ScaleTables


def load_weights(model: str | Path | None) -> Weights:
    """Reads and checks a model.

    Args:
        model: Name in the manifest, path of a safetensors file, or None for the default model.

    Raises:
        UnknownModel: There is no such model.
        InvalidModel: The file is damaged, is no model, or would break the exactness of the integer networks.
    """
    name, path, sha256 = find_weights(model)
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
    config, tensors = _parse(path, data)
    network, scales, tables = _build(path, config, tensors)
    return Weights(name, digest.digest()[:4], network, scales, tables)


def _parse(path: Path, data: bytes) -> tuple[ModelConfig, dict[str, Tensor]]:
    try:
        tensors = safetensors.torch.load(data)
        header_size = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + header_size]).get("__metadata__") or {}  # null is allowed there
    except (safetensors.SafetensorError, ValueError) as error:
        raise InvalidModel(f"{path}: not a safetensors file: {error}") from error
    except KeyError as error:  # the library reads more types than it hands to torch
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
        return ModelConfig(**values), tensors
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidModel(f"{path}: model configuration: {error}") from error


def _build(
    path: Path, config: ModelConfig, tensors: Mapping[str, Tensor]
) -> tuple[CodecNetwork, IntegerScales, ScaleTables]:
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
    for key, tensor in tensors.items():
        part, _, rest = key.partition(".")
        if part not in parts:
            raise InvalidModel(_unfit(path, key, False))
        parts[part][rest] = tensor
    # Shapes are compared on a network without memory, before anything of the declared size is allocated.
    with torch.device("meta"):
        skeleton = CodecNetwork(config).state_dict()
    network_shapes = {
        key: (_STORED_AS.get(tensor.dtype, (tensor.dtype,)), tensor.shape) for key, tensor in skeleton.items()
    }
    _check_shapes(path, network_shapes, parts["network"])
    scale_shapes = {key: ((getattr(torch, kind),), shape) for key, (kind, shape) in tensor_shapes(config).items()}
    _check_shapes(path, scale_shapes, parts["scales"])
    # Building a network draws its initial values, which are replaced at once: the caller's generator is left alone.
    with torch.random.fork_rng(devices=[]):
        network = CodecNetwork(config)
    network.load_state_dict(parts["network"])
    network.requires_grad_(False)
    scales = IntegerScales(config, {key: tensor.numpy() for key, tensor in parts["scales"].items()})
    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise InvalidModel(f"{path}: weights are not finite")
    if not all((transform.klt_std > 0).all() for transform in (network.g_a, network.g_s)):
        raise InvalidModel(f"{path}: standard deviations must be positive")
    for key in sorted({"radii", "weights"} ^ parts["tables"].keys()):
        raise InvalidModel(_unfit(path, key, key not in parts["tables"]))
    for key, tensor in parts["tables"].items():
        if tensor.dtype != torch.int32:
            raise InvalidModel(f"{path}: tables.{key} has type {tensor.dtype}")
    tables = ScaleTables(parts["tables"]["radii"].numpy(), parts["tables"]["weights"].numpy())
    return network, scales, tables


def _unfit(path: Path, key: str, missing: bool) -> str:
    return f"{path}: tensor {key} is missing" if missing else f"{path}: unexpected tensor {key!r:.80}"


def _check_shapes(
    path: Path, expected: Mapping[str, tuple[tuple[torch.dtype, ...], tuple[int, ...]]], found: Mapping[str, Tensor]
) -> None:
    """Compares tensors with the types that each may have, and with its shape."""
    for key in sorted(expected.keys() ^ found.keys()):
        raise InvalidModel(_unfit(path, key, key in expected))
    for key, (types, shape) in expected.items():
        if found[key].shape != shape:
            raise InvalidModel(f"{path}: {key} has shape {list(found[key].shape)}, not {list(shape)}")
        if found[key].dtype not in types:
            raise InvalidModel(f"{path}: {key} has type {found[key].dtype}")


def save_weights(path: Path, network: CodecNetwork, scales: IntegerScales, tables: ScaleTables) -> str:
    """Writes a model: the convolutions' weights as float16, the rest as it is.

    Args:
        path: Safetensors file to write.
        network: Float networks; their weights should be rounded to float16 already (`round_to_stored`).
        scales: Integer scale networks.
        tables: Probability tables.

    Returns:
        SHA-256 of the file, in hexadecimal.
    """
    tensors = {
        f"network.{key}": tensor.half() if stored_as_half(key) else tensor
        for key, tensor in network.state_dict().items()
    }
    tensors |= {f"scales.{key}": torch.from_numpy(tensor) for key, tensor in scales.tensors.items()}
    tensors |= {
        "tables.radii": torch.from_numpy(tables.radii),
        "tables.weights": torch.from_numpy(tables.weights),
    }
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    metadata = {"format": FORMAT, "config": json.dumps(asdict(network.config))}
    data = _with_sorted_header(safetensors.torch.save(tensors, metadata))
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _with_sorted_header(data: bytes) -> bytes:
    """The library writes metadata in a random order; the same model shall have the same bytes and fingerprint."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[end:]


def stored_as_half(key: str) -> bool:
    """Whether a tensor of the float networks is stored as float16: convolution weights, but not the linear path."""
    return key.endswith(".weight")


@torch.no_grad()
def round_to_stored(network: CodecNetwork) -> None:
    """Rounds a network's weights to the precision in which they are stored, in place."""
    for key, tensor in network.state_dict().items():
        if stored_as_half(key):
            tensor.copy_(tensor.half().float())
