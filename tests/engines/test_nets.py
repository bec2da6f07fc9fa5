"""Nets: what each layer of a description does, results with several takers, and weights that do not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.engines.ncnn.graph import Graph
from cnncompress.engines.ncnn.kernels import Kernel
from cnncompress.engines.ncnn.mats import FeatureMap, Memory
from cnncompress.engines.ncnn.nets import Net
from cnncompress.engines.ncnn.windows import Region

GENERATOR = np.random.default_rng(0)


def random(*shape: int) -> NDArray[np.float32]:
    return GENERATOR.standard_normal(shape).astype(np.float32)


def kernel_of(outputs: int, inputs: int, size: int) -> Kernel:
    return Kernel(random(outputs, inputs, size, size), random(outputs))


def tensors(kernel: Kernel) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(kernel.weight), torch.from_numpy(kernel.bias)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)


Layer = tuple[Callable[[Graph, str], str], Callable[[Tensor], Tensor]]


def layers(channels: int) -> dict[str, Layer]:
    """Each kind of layer with a single input, and the same in torch."""
    three, one = kernel_of(6, channels, 3), kernel_of(8, channels, 1)
    cells, blocks = kernel_of(5, channels, 2), kernel_of(7, channels, 2)
    first, second = kernel_of(channels, channels, 3), kernel_of(channels, channels, 3)

    def residual(x: Tensor) -> Tensor:
        return x + F.conv2d(leaky(F.conv2d(x, *tensors(first), padding=1)), *tensors(second), padding=1)

    return {
        "3x3": (lambda g, x: g.convolution(x, three), lambda x: F.conv2d(x, *tensors(three), padding=1)),
        "active": (
            lambda g, x: g.convolution(x, three, activation=True, winograd=False),
            lambda x: leaky(F.conv2d(x, *tensors(three), padding=1)),
        ),
        "1x1": (lambda g, x: g.convolution(x, one), lambda x: F.conv2d(x, *tensors(one))),
        "strides": (lambda g, x: g.convolution(x, cells, stride=2), lambda x: F.conv2d(x, *tensors(cells), stride=2)),
        "expansion": (
            lambda g, x: g.expansion(x, blocks),
            lambda x: F.conv_transpose2d(
                x, tensors(blocks)[0].transpose(0, 1).contiguous(), tensors(blocks)[1], stride=2
            ),
        ),
        "block": (lambda g, x: g.residual_block(x, first, second), residual),
        "shuffle": (
            lambda g, x: g.shuffle(g.convolution(x, one), 2),
            lambda x: F.pixel_shuffle(F.conv2d(x, *tensors(one)), 2),
        ),
        "activation": (
            lambda g, x: g.activation(g.convolution(x, one)),
            lambda x: leaky(F.conv2d(x, *tensors(one))),
        ),
    }


@pytest.mark.parametrize("channels", [1, 3, 4, 8, 16, 24, 32])
@pytest.mark.parametrize("kind", layers(1))
def test_layers(kind: str, channels: int) -> None:
    describe, expected = layers(channels)[kind]
    for height, width in ((2, 2), (2, 6), (8, 4), (10, 14)):
        x = random(channels, height, width)
        graph = Graph()
        output = describe(graph, graph.input("x", channels))
        memory = Memory()
        (result,) = Net(graph, [output], memory)({"x": memory.copy_of(x)})
        reference = expected(torch.from_numpy(x)[None])[0].numpy()
        assert graph.channels(output) == len(reference)
        np.testing.assert_allclose(result, reference, rtol=1e-4, atol=1e-4 * np.abs(reference).max())


@pytest.mark.parametrize("channels", [1, 3, 4, 8, 16, 24, 32])
def test_two_inputs(channels: int) -> None:
    x, y, vector = random(channels, 5, 7), random(channels, 5, 7), random(channels)
    graph, memory = Graph(), Memory()
    names = [graph.input(name, channels) for name in ("x", "y", "vector")]
    outputs = [graph.sum(names[0], names[1]), graph.product(names[0], names[2]), graph.sum(names[1], names[2])]
    inputs = {"x": memory.copy_of(x), "y": memory.copy_of(y), "vector": memory.vector(vector)}
    found = Net(graph, outputs, memory)(inputs)
    column = vector[:, None, None]
    for array, expected in zip(found, (x + y, x * column, y + column), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 4, 8, 16, 24, 32])
@pytest.mark.parametrize("region", [Region(0, 0, 5, 7), Region(2, 1, 3, 4), Region(6, 0, 5, 1), Region(0, 4, 1, 7)])
def test_crop(channels: int, region: Region) -> None:
    kernel = Kernel.linear(np.eye(channels, dtype=np.float32)[:, :, None, None])
    x = random(channels, 5, 7)
    graph, memory = Graph(), Memory()
    cropped = graph.crop(graph.convolution(graph.input("x", channels), kernel), graph.input("region", 1))
    (found,) = Net(graph, [cropped], memory)({"x": memory.copy_of(x), "region": region.input(channels)})
    rows, columns = slice(region.top, region.top + region.height), slice(region.left, region.left + region.width)
    np.testing.assert_allclose(found, x[:, rows, columns], rtol=1e-6)


def test_results_with_several_takers() -> None:
    kernel = kernel_of(4, 4, 1)
    graph, memory = Graph(), Memory()
    x = graph.input("x", 4)
    y = graph.convolution(x, kernel)
    total = graph.sum(graph.sum(y, y), graph.activation(y))
    values = random(4, 3, 3)
    whole, part = Net(graph, [total, y], memory)({"x": memory.copy_of(values)})
    expected = F.conv2d(torch.from_numpy(values)[None], *tensors(kernel))
    np.testing.assert_allclose(part, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(whole, (2 * expected + leaky(expected))[0], rtol=1e-4, atol=1e-5)


def test_weights_that_do_not_fit(capfd: pytest.CaptureFixture[str]) -> None:
    graph = Graph()
    output = graph.convolution(graph.input("x", 4), kernel_of(4, 4, 1))
    graph.weights[1] = graph.weights[1][:2]
    with pytest.raises(RuntimeError, match="does not take the description"):
        Net(graph, [output], Memory())
    assert capfd.readouterr().err


def test_elements_keep_their_memory() -> None:
    kept = [Memory().copy_of(np.full((3, 5, 7), 2.0)).elements, FeatureMap.lasting(3, 5, 7).elements]
    kept[1][...] = 2.0
    graph, memory = Graph(), Memory()
    x = memory.copy_of(random(4, 5, 7))
    output = graph.product(graph.input("x", 4), graph.input("y", 4))
    kept += Net(graph, [output], memory)({"x": x, "y": x})
    expected = x.elements**2
    del graph, memory, x
    assert kept[0].sum() == kept[1].sum() == 2 * 3 * 5 * 7
    np.testing.assert_allclose(kept[2], expected)
