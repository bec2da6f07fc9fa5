"""Weights on disk: a safetensors file per model, checked before use.

The file holds the float networks (``network.*``, float16 or float32), the integer scale network (``scales.*``, weights
in int16 where that is wide enough) and the probability tables (``tables.*``); its metadata holds the `ModelConfig`. A
.cnc file names its model by the first four bytes of the SHA-256 of the whole file.
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

from cnncompress.entropy.tables import ScaleTables
from cnncompress.errors import InvalidModel
from cnncompress.model.config import ModelConfig
from cnncompress.model.manifest import find_weights
from cnncompress.nn.integers import MAX_EXACT_INTEGER
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.scale_context import MAX_SURPRISE
from cnncompress.nn.scales import MAX_TABLE_ENTRY, IntegerScaleSynthesis

FORMAT = "cnncompress-model-1"
MAX_FILE_BYTES = 1 << 30
"""Larger files are not read: it takes some three times their size."""

_PARTS = ("network", "scales", "tables")
_STORED_AS = {torch.float32: (torch.float16, torch.float32), torch.int32: (torch.int16, torch.int32)}
"""Types that a tensor of a network may have in a file, where it is not just its own."""


@dataclass(frozen=True)
class Weights:
    """A model, ready to be used.

    Attributes:
        name: Name in the manifest, or the file's name.
        fingerprint: First 4 bytes of the SHA-256 of the file.
        network: Float networks, float32, on the CPU.
        scales: Integer scale network.
        tables: Probability tables.
    """

    name: str
    fingerprint: bytes
    network: CodecNetwork
    scales: IntegerScaleSynthesis
    tables: ScaleTables


def load_weights(model: str | Path | None) -> Weights:
    """Reads and checks a model.

    Args:
        model: Name in the manifest, path of a safetensors file, or None for the default model.

    Raises:
        UnknownModel: There is no such model.
        InvalidModel: The file is damaged, is no model, or would break the exactness of the integer network.
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
) -> tuple[CodecNetwork, IntegerScaleSynthesis, ScaleTables]:
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
    for key, tensor in tensors.items():
        part, _, rest = key.partition(".")
        if part not in parts:
            raise InvalidModel(_unfit(path, key, False))
        parts[part][rest] = tensor
    # Shapes are compared on a network without memory, before anything of the declared size is allocated.
    with torch.device("meta"):
        skeleton = CodecNetwork(config)
        scale_skeleton = IntegerScaleSynthesis(config)
    _check_shapes(path, skeleton.state_dict(), parts["network"])
    _check_shapes(path, scale_skeleton.state_dict(), parts["scales"])
    # Building a network draws its initial values, which are replaced at once: the caller's generator is left alone.
    with torch.random.fork_rng(devices=[]):
        network = CodecNetwork(config)
    network.load_state_dict(parts["network"])
    network.requires_grad_(False)
    scales = IntegerScaleSynthesis(config)
    scales.load_state_dict(parts["scales"])
    check_integer_bounds(scales)
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


def _check_shapes(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    for key in sorted(expected.keys() ^ found.keys()):
        raise InvalidModel(_unfit(path, key, key in expected))
    for key, tensor in expected.items():
        if tensor.shape != found[key].shape:
            raise InvalidModel(f"{path}: {key} has shape {list(found[key].shape)}, not {list(tensor.shape)}")
        if found[key].dtype not in _STORED_AS.get(tensor.dtype, (tensor.dtype,)):
            raise InvalidModel(f"{path}: {key} has type {found[key].dtype}")


def check_integer_bounds(scales: IntegerScaleSynthesis) -> None:
    """Proves that the integer network is exact in float64.

    Raises:
        InvalidModel: A partial sum of a layer could reach 2^52 (half of what float64 holds: the addition that rounds
            needs room as well), or an interpolation between qualities could leave 64 bits.
    """
    for name, bound in scales.accumulator_bounds().items():
        if bound >= MAX_EXACT_INTEGER // 2:
            raise InvalidModel(f"sums over scales.{name} can reach {bound}, the limit is 2^52")
    if scales.table_bound() >= MAX_TABLE_ENTRY:
        raise InvalidModel(f"a quality table of the integer network holds {scales.table_bound()}, the limit is 2^40")
    if scales.context.surprise_bound() >= MAX_SURPRISE:
        raise InvalidModel(f"a surprise can reach {scales.context.surprise_bound()}, the limit is {MAX_SURPRISE}")


def save_weights(path: Path, network: CodecNetwork, scales: IntegerScaleSynthesis, tables: ScaleTables) -> str:
    """Writes a model: large weights as float16 or, if they are integers, int16 where they fit; the rest as they are.

    Args:
        path: Safetensors file to write.
        network: Float networks; their weights should be rounded to float16 already (`round_to_stored`).
        scales: Integer scale network.
        tables: Probability tables.

    Returns:
        SHA-256 of the file, in hexadecimal.

    Raises:
        InvalidModel: The integer network is not exact.
    """
    check_integer_bounds(scales)
    tensors = {
        f"network.{key}": tensor.half() if stored_as_half(key) else tensor
        for key, tensor in network.state_dict().items()
    }
    tensors |= {f"scales.{key}": _narrow(tensor) for key, tensor in scales.state_dict().items()}
    tensors |= {
        "tables.radii": torch.from_numpy(tables.radii),
        "tables.weights": torch.from_numpy(tables.weights),
    }
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    metadata = {"format": FORMAT, "config": json.dumps(asdict(network.config))}
    data = _with_sorted_header(safetensors.torch.save(tensors, metadata))
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _narrow(tensor: Tensor) -> Tensor:
    """An int32 tensor as int16, if its values fit."""
    narrow = tensor.short()
    return narrow if tensor.dtype == torch.int32 and torch.equal(narrow.int(), tensor) else tensor


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
