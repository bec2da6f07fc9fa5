"""Choice of the device that runs the float networks."""

from __future__ import annotations

import os
import platform
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, get_args

import torch
from threadpoolctl import threadpool_limits

from cnncompress.errors import DeviceError

Precision = Literal["auto", "fp32", "bf16"]
"""What the float networks compute in; bf16 is faster where the hardware has it, and moves pixels by a few 1/255."""


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


def fix_summation_order() -> None:
    """Makes matrix products on the CPU independent of the number of threads.

    On Intel's processors MKL, which torch brings along, cuts long sums into parts by the number of threads, which moves
    the last bits and with them the file. It does not where its "conditional numerical reproducibility" is strict, at a
    cost of 3 to 8 per cent. MKL looks that up at its first product, so a program that has used torch before keeps what
    it has. Other makers' processors are left alone: there the order is fixed as it is, and strictness means slow code.
    """
    if "MKL_CBWR" not in os.environ and _is_intel():
        os.environ["MKL_CBWR"] = "AUTO,STRICT"


def limit_threads(count: int) -> None:
    """Sets how many threads this process uses for one image: torch's, and those of NumPy's matrix products."""
    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")


def _is_intel() -> bool:
    processors = Path("/proc/cpuinfo")
    return "GenuineIntel" in (processors.read_text() if processors.exists() else platform.processor())


def autocast_for(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """Returns the context in which networks run.

    Args:
        precision: ``auto`` is fp32 on every device, so that files depend on nothing that was not asked for.
        device: Where they run.

    Raises:
        ValueError: There is no such precision.
    """
    if precision not in get_args(Precision):
        raise ValueError(f"precision is {precision!r}, expected one of {', '.join(get_args(Precision))}")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
