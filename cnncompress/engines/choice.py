"""Which engine runs a model: ncnn on a CPU, torch on a GPU, unless somebody chose."""

from __future__ import annotations

import ctypes
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from cnncompress.engines.interface import Engine
from cnncompress.errors import DeviceError, MissingPackage

if TYPE_CHECKING:
    from cnncompress.model.devices import Precision
    from cnncompress.model.weights import Weights

EngineName = Literal["auto", "ncnn", "torch"]

INSTALL_TORCH = "pip install torch"
_CUDA_DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}


def load_engine(weights: Weights, name: EngineName, device: str, precision: Precision, threads: int) -> Engine:
    """Prepares the engine that runs a model. Torch is loaded only if it is the one.

    Args:
        weights: The model.
        name: The engine; ``auto`` is torch where the device or the precision needs it, and else ncnn.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``. With ``auto``, torch is asked for a GPU where there
            is a driver of one.
        precision: What the networks compute in; ncnn computes in fp32.
        threads: How many work on an image, on a CPU.

    Raises:
        DeviceError: The device is not there, or not one of the engine's.
        MissingPackage: Torch is needed and not installed.
    """
    if chosen_engine(name, device, precision) == "ncnn":
        from cnncompress.engines.ncnn.engine import NcnnEngine

        return NcnnEngine(weights.config, weights.network, threads)
    if find_spec("torch") is None:
        raise MissingPackage(f"device {device} with precision {precision} needs PyTorch: {INSTALL_TORCH}")
    from cnncompress.engines.torch import TorchEngine
    from cnncompress.model.devices import limit_threads, resolve_device
    from cnncompress.nn.stored import network_of

    limit_threads(threads)
    return TorchEngine(network_of(weights), resolve_device(device), precision)


def chosen_engine(name: EngineName, device: str, precision: Precision) -> Literal["ncnn", "torch"]:
    """Decides between the engines, without loading one; arguments and errors as for `load_engine`."""
    on_cpu = device == "cpu" or (device == "auto" and (name == "ncnn" or not has_cuda_driver()))
    if name == "torch" or (name == "auto" and not (on_cpu and precision != "bf16")):
        return "torch"
    if not on_cpu:
        raise DeviceError(f"the engine ncnn runs on the CPU, not on {device}")
    if precision == "bf16":
        raise DeviceError("the engine ncnn computes in fp32; bf16 needs the engine torch")
    return "ncnn"


def has_cuda_driver() -> bool:
    """Whether there is a driver for CUDA, which is quicker to find out than whether torch can use a device."""
    driver = _CUDA_DRIVERS.get(sys.platform)
    if driver is None:
        return False
    try:
        ctypes.CDLL(driver)
    except OSError:
        return False
    return True
