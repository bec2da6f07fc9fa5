"""What is folded into kernels, against the same done with feature maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from cnncompress.engines.ncnn.kernels import Kernel

GENERATOR = np.random.default_rng(0)


def random(*shape: int) -> NDArray[np.float32]:
    return GENERATOR.standard_normal(shape).astype(np.float32)


def run(kernel: Kernel, x: NDArray[np.float32], stride: int = 1) -> NDArray[np.float32]:
    padding = kernel.size // 2 if stride == 1 else 0
    tensors = [torch.from_numpy(array) for array in (x[None], kernel.weight, kernel.bias)]
    result = F.conv2d(tensors[0], tensors[1], tensors[2], stride=stride, padding=padding)
    array: NDArray[np.float32] = result[0].numpy()
    return array


def test_folded() -> None:
    x, kernel = random(5, 6, 7), Kernel(random(4, 5, 3, 3), random(4))
    behind, before = random(4), random(5)
    plain = run(kernel, x)
    np.testing.assert_allclose(run(kernel.scaled(behind), x), plain * behind[:, None, None], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run(kernel.scaled(3.0), x), 3 * plain, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run(kernel.plus(behind), x), plain + behind[:, None, None], rtol=1e-4, atol=1e-5)
    expected = run(kernel, x * before[:, None, None])
    np.testing.assert_allclose(run(kernel.scaled_inputs(before), x), expected, rtol=1e-4, atol=1e-5)


def test_identity() -> None:
    x, kernel = random(4, 6, 7), Kernel(random(4, 4, 3, 3), random(4))
    np.testing.assert_allclose(run(kernel.plus_identity(), x), x + run(kernel, x), rtol=1e-4, atol=1e-5)
    assert (kernel.plus_identity().weight != kernel.weight).sum() == 4


def test_unshuffle() -> None:
    x, kernel = random(3, 6, 8), Kernel(random(5, 12, 1, 1), random(5))
    unshuffled = F.pixel_unshuffle(torch.from_numpy(x), 2).numpy()
    found = run(kernel.after_unshuffle(2), x, stride=2)
    np.testing.assert_allclose(found, run(kernel, unshuffled), rtol=1e-4, atol=1e-5)


def test_types() -> None:
    arrays: dict[str, NDArray[Any]] = {"a.weight": random(2, 3, 1, 1).astype(np.float16), "a.bias": random(2)}
    kernel = Kernel.of(arrays, "a").scaled(np.ones(2)).scaled_inputs(np.ones(3)).plus(np.ones(2))
    assert kernel.weight.dtype == kernel.bias.dtype == np.float32
    assert (kernel.outputs, kernel.size) == (2, 1)
    assert not Kernel.linear(random(2, 3, 1, 1)).bias.any()
