"""Choice of the device that runs the float networks."""

from __future__ import annotations

import torch

from cnncompress.errors import DeviceError


def resolve_device(name: str) -> torch.device:
    """Finds a device by name.

    Args:
        name: ``auto`` (a CUDA device if there is one, then MPS, then the CPU), ``cpu``, ``cuda``, ``cuda:N`` or
            ``mps``.

    Raises:
        DeviceError: The name is none of these, or the device is not there. An explicit choice never falls back.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and (kind != "cuda" or not index.isdecimal())):
        raise DeviceError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name} is not there: {torch.cuda.device_count()} CUDA devices found")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device mps is not there")
    return torch.device(name)
