"""Which engine is chosen, and that torch is loaded only where it is needed."""

from __future__ import annotations

from typing import Any

import pytest

from cnncompress.engines import choice
from cnncompress.engines.choice import chosen_engine, load_engine
from cnncompress.engines.names import EngineName, Precision
from cnncompress.errors import DeviceError, MissingPackage
from cnncompress.model.weights import Weights


@pytest.fixture(params=[False, True], ids=["no driver", "driver"])
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    there: bool = request.param
    monkeypatch.setattr(choice, "may_have_cuda", lambda: there)
    return there


def test_automatic(driver: bool) -> None:
    assert chosen_engine("auto", "auto", "auto") == ("torch" if driver else "ncnn")
    assert chosen_engine("auto", "cpu", "fp32") == "ncnn"
    assert chosen_engine("auto", "cpu", "bf16") == "torch"
    assert chosen_engine("auto", "cuda:1", "auto") == chosen_engine("auto", "mps", "auto") == "torch"


def test_automatic_without_ncnn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "is_installed", lambda name: name != "ncnn")
    assert chosen_engine("auto", "auto", "auto") == chosen_engine("auto", "cpu", "fp32") == "torch"


def test_named(driver: bool) -> None:
    assert chosen_engine("ncnn", "auto", "auto") == chosen_engine("ncnn", "cpu", "fp32") == "ncnn"
    assert chosen_engine("torch", "auto", "auto") == chosen_engine("torch", "cpu", "bf16") == "torch"


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [("cuda", "auto", "runs on the CPU, not on cuda"), ("cpu", "bf16", "computes in fp32")],
)
def test_what_ncnn_cannot_do(device: str, precision: Precision, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        chosen_engine("ncnn", device, precision)


@pytest.mark.parametrize("threads", [0, -1, 2.5, "2"])
@pytest.mark.parametrize("name", ["ncnn", "torch"])
def test_threads_are_a_positive_number(weights: Weights, name: EngineName, threads: Any) -> None:
    with pytest.raises(ValueError, match=r"threads is .* must be 1 or more"):
        load_engine(weights, name, "cpu", "auto", threads)


@pytest.mark.parametrize("name", ["ncnn", "torch"])
def test_loaded(weights: Weights, name: EngineName) -> None:
    engine = load_engine(weights, name, "cpu", "auto", threads=1)
    assert (engine.name, engine.config) == (name, weights.config)


def test_torch_that_is_not_installed(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "is_installed", lambda name: name != "torch")
    with pytest.raises(MissingPackage, match="device cuda with precision auto needs PyTorch: pip install torch"):
        load_engine(weights, "auto", "cuda", "auto", threads=1)
    with pytest.raises(MissingPackage, match="the engine torch needs PyTorch"):
        load_engine(weights, "torch", "cpu", "auto", threads=1)
    assert load_engine(weights, "auto", "auto", "auto", threads=1).name == "ncnn"
