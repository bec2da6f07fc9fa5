"""Devices that torch can use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch

from cnncompress.engines.device_names import check_device_name
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
    check_device_name(name)
    kind, _, index = name.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name} is not available: {torch.cuda.device_count()} CUDA devices found")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device mps is not available")
    return torch.device(name)


def fix_summation_order() -> None:
    """Makes matrix products on the CPU independent of the number of threads.

    On Intel's processors MKL, which torch brings along, cuts long sums into parts by the number of threads, which moves
    the last bits and with them the file. It does not where its "conditional numerical reproducibility" is strict, at a
    cost of 3 to 8 per cent. MKL looks that up at its first product, so a program that has used torch before keeps what
    it has. Other makers' processors are left alone: there the order is fixed as it is, and strictness means slow code.
    """
    if "MKL_CBWR" not in os.environ and _is_intel():
        os.environ["MKL_CBWR"] = "AUTO,STRICT"


def _is_intel() -> bool:
    processors = Path("/proc/cpuinfo")
    return "GenuineIntel" in (processors.read_text() if processors.exists() else platform.processor())
