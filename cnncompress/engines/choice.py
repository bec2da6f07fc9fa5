"""Chooses the engine that runs a model: by default ncnn on a CPU, and torch on a GPU."""

from __future__ import annotations

import ctypes
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

from cnncompress.cpu_count import available_cores
from cnncompress.engines.device_names import check_device_name
from cnncompress.engines.names import EngineName, Precision
from cnncompress.errors import DeviceError, MissingPackage

if TYPE_CHECKING:
    from cnncompress.engines.interface import Engine
    from cnncompress.model.weights import Weights

INSTALL_TORCH = "pip install torch"
_CUDA_DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}


def load_engine(
    weights: Weights, name: EngineName, device: str, precision: Precision, threads: int | None = None
) -> Engine:
    """Creates the engine that runs a model. Loads torch only if torch is that engine.

    Args:
        weights: The model.
        name: The engine; ``auto`` is torch if the device or the precision needs it, or if ncnn is not
            installed; otherwise ncnn.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` is a CUDA device if one is present,
            otherwise the CPU.
        precision: Number format of the networks; ncnn supports fp32 only.
        threads: Number of CPU threads per image. This also limits the libraries in the whole process. None uses all
            cores and leaves the process unchanged.

    Raises:
        ValueError: The engine or precision does not exist, or ``threads`` is not a positive integer.
        DeviceError: The device is not available, or the engine cannot use it.
        MissingPackage: Torch is needed and not installed.
    """
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ValueError(f"threads is {threads!r}, must be 1 or more, or None")
    resolved = resolved_device(name, device, precision)
    if chosen_engine(name, resolved, precision) == "ncnn":
        from cnncompress.engines.ncnn.engine import NcnnEngine

        if threads is not None:
            _limit_matrix_products(1)  # NumPy's threads would spin and slow down those of ncnn, see docs/ENGINES.md
        return NcnnEngine(weights.config, weights.network, threads or available_cores())
    import torch

    from cnncompress.engines.torch import TorchEngine
    from cnncompress.nn.stored import network_of

    if threads is not None:
        torch.set_num_threads(threads)
        _limit_matrix_products(threads)
    return TorchEngine(network_of(weights), torch.device(resolved), precision)


def resolved_device(name: EngineName, device: str, precision: Precision) -> str:
    """Returns the device to use, such as ``cpu`` or ``cuda:0``; arguments and errors as for `load_engine`."""
    if chosen_engine(name, device, precision) == "ncnn":
        return "cpu"
    require_torch("the engine torch" if name == "torch" else f"device {device} with precision {precision}")
    from cnncompress.engines.torch_devices import resolve_device

    return str(resolve_device(device))


def chosen_engine(name: EngineName, device: str, precision: Precision) -> Literal["ncnn", "torch"]:
    """Returns the engine to use, without loading it; arguments and errors as for `load_engine`."""
    _check_choice("engine", name, get_args(EngineName))
    _check_choice("precision", precision, get_args(Precision))
    check_device_name(device)
    on_cpu = device == "cpu" or (device == "auto" and (name == "ncnn" or not may_have_cuda()))
    for_ncnn = on_cpu and precision != "bf16" and is_installed("ncnn")
    if name == "torch" or (name == "auto" and not for_ncnn):
        return "torch"
    if not on_cpu:
        raise DeviceError(f"the engine ncnn runs on the CPU, not on {device}")
    if precision == "bf16":
        raise DeviceError("the engine ncnn computes in fp32; bf16 needs the engine torch")
    return "ncnn"


def require_torch(what: str) -> None:
    """Checks that torch is installed, without loading it.

    Args:
        what: What needs torch, for the message.

    Raises:
        MissingPackage: It is not installed.
    """
    if not is_installed("torch"):
        raise MissingPackage(f"{what} needs PyTorch: {INSTALL_TORCH}")


def is_installed(package: str) -> bool:
    """Checks whether a package is installed, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):  # an import hook refuses the package
        return False


def may_have_cuda() -> bool:
    """Checks for torch and a CUDA driver. That is faster than looking for a device, which needs torch to be loaded."""
    if not is_installed("torch"):
        return False
    driver = _CUDA_DRIVERS.get(sys.platform)
    if driver is None:
        return False
    try:
        ctypes.CDLL(driver)
    except OSError:
        return False
    return True


def _check_choice(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{what} is {value!r}, expected one of {', '.join(known)}")


def _limit_matrix_products(threads: int) -> None:
    """Limits the threads of NumPy's matrix products, in the whole process."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads, user_api="blas")
