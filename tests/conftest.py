"""Fixtures that many test modules share: photographs, the packaged model, and a limit on threads.

The entropy coder is imported where a test asks for it: those of training run without, as on a machine lent for its GPU.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data
from threadpoolctl import threadpool_limits

from cnncompress.model.config import ModelConfig
from cnncompress.model.devices import fix_summation_order
from cnncompress.model.weights import Weights, load_weights

if TYPE_CHECKING:
    from cnncompress.api import Codec
    from cnncompress.codec.pipeline import ImagePipeline

MAX_THREADS = 2

fix_summation_order()  # before any test computes


@pytest.fixture(scope="session", autouse=True)
def limited_threads() -> None:
    """Keeps torch to two threads, or to fewer where the environment says so."""
    torch.set_num_threads(min(MAX_THREADS, torch.get_num_threads()))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Shells start background jobs with SIGINT ignored, which the programs under test would inherit, and never stop."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _threads(count: int) -> Iterator[None]:
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
    pixels: NDArray[np.uint8] = data.astronaut()
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def coffee() -> NDArray[np.uint8]:
    """uint8 ``[400, 600, 3]``, a still life."""
    pixels: NDArray[np.uint8] = data.coffee()
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def chelsea() -> NDArray[np.uint8]:
    """uint8 ``[300, 451, 3]``, a cat."""
    pixels: NDArray[np.uint8] = data.chelsea()
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def weights() -> Weights:
    """The default model, as it is loaded from its file. Not to be changed."""
    return load_weights(None)


@pytest.fixture(scope="session")
def pipeline(weights: Weights) -> ImagePipeline:
    """The default model between pixels and payload, on the CPU."""
    from cnncompress.codec.latents import LatentTransform
    from cnncompress.codec.pipeline import ImagePipeline
    from cnncompress.entropy.coder import EntropyModel

    transform = LatentTransform(weights.network, weights.scales, torch.device("cpu"))
    return ImagePipeline(transform, EntropyModel(weights.tables))


@pytest.fixture(scope="session")
def codec() -> Codec:
    """The default model behind the public interface, on the CPU."""
    from cnncompress.api import Codec

    return Codec(device="cpu")


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
