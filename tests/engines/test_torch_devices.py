"""Names of devices: what they mean, and what is refused."""

from __future__ import annotations

import pytest
import torch

from cnncompress.engines.torch_devices import resolve_device
from cnncompress.errors import DeviceError


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Pretends to a number of CUDA devices, and to MPS or not."""
    cuda, mps = request.param
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("machine", "name", "expected"),
    [
        ((0, False), "auto", "cpu"),
        ((0, True), "auto", "mps"),
        ((2, False), "auto", "cuda"),
        ((2, True), "auto", "cuda"),
        ((2, True), "cpu", "cpu"),
        ((1, False), "cuda", "cuda"),
        ((1, False), "cuda:0", "cuda:0"),
        ((2, False), "cuda:1", "cuda:1"),
        ((0, True), "mps", "mps"),
    ],
    indirect=["machine"],
)
def test_devices_that_are_there(name: str, expected: str) -> None:
    assert resolve_device(name) == torch.device(expected)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("machine", "name", "message"),
    [
        ((0, False), "cuda", "device cuda is not available: 0 CUDA devices found"),
        ((2, False), "cuda:2", "device cuda:2 is not available: 2 CUDA devices found"),
        ((0, False), "mps", "device mps is not available"),
        *(
            ((2, True), name, f"unknown device '{name}'; use auto, cpu, cuda, cuda:N or mps")
            for name in ("", "gpu", "CUDA", "cuda:-1", "cuda:x", "cuda:1:2", "cpu:0", "cpu:7", "mps:0", "meta", "xpu")
        ),
    ],
    indirect=["machine"],
)
def test_devices_that_are_not(name: str, message: str) -> None:
    with pytest.raises(DeviceError) as caught:
        resolve_device(name)
    assert str(caught.value) == message
