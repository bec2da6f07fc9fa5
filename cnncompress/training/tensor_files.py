"""Tensors and a text on disk: a safetensors file, with more of them beside it where their size is limited.

The file at the path asked for is the last to be written, and names the others (shards), whose own names hold a checksum
of everything: a crash at any point leaves the old set complete or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

MIN_LIMIT = 10_000
"""Smallest size limit in bytes."""

_ENTRY_BYTES = 256
"""More than a tensor's entry in a file's header takes besides its name, and than the rest of a shard's header."""
_DIGEST_CHARACTERS = 12


def write_tensors(path: Path, tensors: Mapping[str, Tensor], text: str, max_bytes: int | None = None) -> None:
    """Writes tensors so that a reader sees the old ones or the new ones, never a part.

    Args:
        path: File to write; its folder is made if it is missing.
        tensors: By name, without ``#`` in it; on any device.
        text: Kept beside them.
        max_bytes: Tensors go into shards of at most this size; larger tensors are split. None for one file.

    Raises:
        ValueError: The limit is below `MIN_LIMIT`.
        OSError: A file cannot be written.
    """
    if max_bytes is not None and max_bytes < MIN_LIMIT:
        raise ValueError(f"files of at most {max_bytes} bytes, must be at least {MIN_LIMIT}")
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    digest = _digest(tensors, text)
    shapes: dict[str, list[int]] = {}
    groups: list[dict[str, Tensor]] = []
    if max_bytes is not None:
        pieces, shapes = _split(tensors, max_bytes)
        groups, tensors = _pack(pieces, max_bytes), {}
    prefix = f"{path.stem}-{digest[:_DIGEST_CHARACTERS]}-"
    names = [f"{prefix}{number:05}-of-{len(groups):05}{path.suffix}" for number in range(1, len(groups) + 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    for name, group in zip(names, groups, strict=True):
        _write(path.with_name(name), safetensors.torch.save(group))
    metadata = {"text": text, "digest": digest, "shards": json.dumps(names), "split": json.dumps(shapes)}
    _write(path, safetensors.torch.save(tensors, metadata))
    _remove_shards(path, keep=names)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Reads what `write_tensors` wrote.

    Returns:
        The tensors by name, on the CPU, and the text.

    Raises:
        OSError: A file is missing or cannot be read.
        ValueError: A file is not of this kind, or damaged.
    """
    tensors, metadata = _read(path)
    try:
        text, digest = metadata["text"], metadata["digest"]
        names, shapes = json.loads(metadata["shards"]), json.loads(metadata["split"])
        shards = [path.with_name(name) for name in names]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: no list of shards") from error
    pattern = _shard_pattern(path)
    for shard in shards:
        # The list is data of the file: it must not reach another folder's files.
        if shard.parent != path.parent or not pattern.fullmatch(shard.name):
            raise ValueError(f"{shard.name!r} is no shard of {path.name}")
        tensors |= _read(shard)[0]
    try:
        tensors = _join(tensors, shapes)
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{path.name}: a tensor's parts do not fit together") from error
    if _digest(tensors, text) != digest:
        raise ValueError("the contents do not match their checksum")
    return tensors, text


def remove_tensors(path: Path) -> None:
    """Removes the file and its shards, as far as they exist."""
    path.unlink(missing_ok=True)
    _remove_shards(path, keep=[])


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for key in sorted(tensors):
        tensor = tensors[key]
        digest.update(f"\0{key} {tensor.dtype} {list(tensor.shape)}\0".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _file_bytes(key: str, tensor: Tensor) -> int:
    return len(key.encode()) + _ENTRY_BYTES + tensor.numel() * tensor.element_size()


def _split(tensors: Mapping[str, Tensor], max_bytes: int) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
    """Cuts what does not fit into a shard, and notes its shape."""
    pieces: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for key, tensor in tensors.items():
        if _file_bytes(key, tensor) + _ENTRY_BYTES <= max_bytes:
            pieces[key] = tensor
            continue
        shapes[key] = list(tensor.shape)
        room = max_bytes - 3 * _ENTRY_BYTES - len(key.encode())
        for number, part in enumerate(tensor.flatten().split(room // tensor.element_size())):
            pieces[f"{key}#{number}"] = part.clone()
    return pieces, shapes


def _join(pieces: dict[str, Tensor], shapes: Mapping[str, list[int]]) -> dict[str, Tensor]:
    """Inverse of `_split`."""
    whole = {key: tensor for key, tensor in pieces.items() if "#" not in key}
    for key, shape in shapes.items():
        count = sum(name.startswith(f"{key}#") for name in pieces)
        whole[key] = torch.cat([pieces[f"{key}#{number}"] for number in range(count)]).view(shape)
    return whole


def _pack(pieces: Mapping[str, Tensor], max_bytes: int) -> list[dict[str, Tensor]]:
    """Fills one shard after the other."""
    groups: list[dict[str, Tensor]] = []
    used = max_bytes
    for key, tensor in pieces.items():
        size = _file_bytes(key, tensor)
        if used + size > max_bytes:
            groups.append({})
            used = _ENTRY_BYTES
        groups[-1][key] = tensor
        used += size
    return groups


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    data = path.read_bytes()
    try:
        tensors = safetensors.torch.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path.name}: not a safetensors file: {error}") from error
    return tensors, header.get("__metadata__", {})


def _shard_pattern(path: Path) -> re.Pattern[str]:
    checksum = rf"[0-9a-f]{{{_DIGEST_CHARACTERS}}}"
    return re.compile(rf"{re.escape(path.stem)}-{checksum}-\d{{5}}-of-\d{{5}}{re.escape(path.suffix)}")


def _remove_shards(path: Path, keep: list[str]) -> None:
    pattern = _shard_pattern(path)
    for other in list(path.parent.iterdir()) if path.parent.is_dir() else []:
        if pattern.fullmatch(other.name) and other.name not in keep:
            other.unlink(missing_ok=True)
