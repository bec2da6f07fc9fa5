"""Fixtures that many test modules share: photographs, the packaged model, and a limit on threads.

Large packages are imported where a test asks for them, so that collecting tests, and running a few, takes no time. The
entropy coder is one: the tests of training run without, as on a machine lent for its GPU.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnncompress.model.config import ModelConfig

if TYPE_CHECKING:
    from cnncompress.api.codec import Codec
    from cnncompress.codec.pipeline import ImagePipeline
    from cnncompress.model.weights import Weights

MAX_THREADS = 2
SAMPLES = Path(__file__).parents[1] / "samples"


def pytest_configure(config: pytest.Config) -> None:
    """Shares two threads out among pytest-xdist's workers; whatever they start has as many.

    Torch and NumPy look this up when they are loaded. The process that starts the workers computes nothing, and would
    pass its own number on to them.
    """
    if config.getoption("dist", "no") == "no":
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, MAX_THREADS // workers)))


@pytest.fixture(scope="session", autouse=True)
def fixed_summation_order() -> None:
    """Before any test computes."""
    from cnncompress.engines.torch_devices import fix_summation_order

    fix_summation_order()


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Shells start background jobs with SIGINT ignored, which the programs under test would inherit, and never stop."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def threads() -> Callable[[int], AbstractContextManager[None]]:
    """Runs the body of a ``with`` statement with a number of threads of torch and NumPy."""
    return _threads


@pytest.fixture(scope="session")
def astronaut() -> NDArray[np.uint8]:
    """uint8 ``[512, 512, 3]``, a portrait."""
    from skimage import data

    pixels: NDArray[np.uint8] = data.astronaut()
    pixels.setflags(write=False)
    return pixels


def sample(name: str) -> NDArray[np.uint8]:
    """A photograph of the folder samples, read-only."""
    with Image.open(SAMPLES / name) as image:
        pixels = np.array(image)
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def coffee() -> NDArray[np.uint8]:
    """uint8 ``[400, 600, 3]``, a still life."""
    return sample("coffee.png")


@pytest.fixture(scope="session")
def chelsea() -> NDArray[np.uint8]:
    """uint8 ``[300, 451, 3]``, a cat."""
    return sample("chelsea.png")


@pytest.fixture
def pillow_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a test register the plugin with Pillow, which afterwards is as it was."""
    Image.init()  # else formats that are loaded meanwhile would go as well
    for name in ("ID", "OPEN", "SAVE", "MIME", "EXTENSION"):
        monkeypatch.setattr(Image, name, getattr(Image, name).copy())


@pytest.fixture(scope="session")
def weights() -> Weights:
    """The default model, as it is loaded from its file. Not to be changed."""
    from cnncompress.model.weights import load_weights

    return load_weights(None)


@pytest.fixture(scope="session")
def pipeline(weights: Weights) -> ImagePipeline:
    """The default model between pixels and payload, on the CPU."""
    from coding import pipeline_of

    return pipeline_of(weights)


@pytest.fixture(scope="session")
def codec(weights: Weights) -> Codec:
    """The same behind the public interface, on the CPU."""
    from cnncompress.api.codec import Codec

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnncompress.model.weights.load_weights", lambda _: weights)
        return Codec(device="cpu")


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights file of a tiny model of random numbers. Not to be changed."""
    from random_model import write_random_model

    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    write_random_model(path)
    return path


@pytest.fixture(scope="session")
def tiny_config() -> ModelConfig:
    """A model that is built, run and trained in no time."""
    return ModelConfig(
        latent_channels=8,
        hyper_channels=4,
        width_1=4,
        width_8=8,
        width_16=12,
        blocks_1=1,
        blocks_8=1,
        blocks_16=1,
        hyper_width=8,
        hyper_features=8,
        scale_width=8,
        context_width=8,
        lambdas=(0.001, 0.01, 0.1),
    )
