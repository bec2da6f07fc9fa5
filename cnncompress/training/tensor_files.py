"""Tensors and a text in one safetensors file, with a checksum over both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from cnncompress.errors import OutputError
from cnncompress.files.outputs import write_output


def write_tensors(path: Path, tensors: Mapping[str, Tensor], text: str) -> None:
    """Writes tensors so that a reader sees the old ones or the new ones, never a part.

    Args:
        path: File to write; its folder is made if it is missing.
        tensors: By name, on any device.
        text: Kept beside them.

    Raises:
        OutputError: The file cannot be written.
    """
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    data = safetensors.torch.save(tensors, {"text": text, "digest": _digest(tensors, text)})
    try:
        write_output(str(path.absolute()), data, force=True, new_folders=True)
    except OutputError as error:
        raise OutputError(f"{path}: {error}") from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str]:
    """Reads what `write_tensors` wrote.

    Returns:
        The tensors by name, on the CPU, and the text.

    Raises:
        OSError: The file is missing or cannot be read.
        ValueError: The file is not of this kind, or damaged.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        text, digest = metadata["text"], metadata["digest"]
    except (safetensors.SafetensorError, KeyError) as error:
        raise ValueError(f"not a file of tensors and a text: {error}") from error
    if _digest(tensors, text) != digest:
        raise ValueError("the contents do not match their checksum")
    return tensors, text


def is_tensor_file(path: Path) -> bool:
    """Whether a file has the header of those that `write_tensors` writes."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return (file.metadata() or {}).keys() >= {"text", "digest"}
    except (OSError, safetensors.SafetensorError):
        return False


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for key in sorted(tensors):
        tensor = tensors[key]
        digest.update(f"\0{key} {tensor.dtype} {list(tensor.shape)}\0".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
