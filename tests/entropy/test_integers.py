"""Integer convolutions in single precision: equal to 64-bit arithmetic up to their bound, and the bound itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_oracle import convolve, depth_to_space, interpolate
from numpy.typing import NDArray

from cnncompress.entropy import integers
from cnncompress.entropy.integers import EXACT_LIMIT, MAX_SHIFT, IntegerConvolution, clipped, stacked

Threads = Callable[[int], AbstractContextManager[None]]


def at_the_bound(seed: int, kernel: int, inputs: int, outputs: int, largest: int) -> IntegerConvolution:
    """A layer of random weights whose biases take up what the weights leave below 2^24."""
    generator = np.random.default_rng(seed)
    weight = generator.integers(-127, 128, (outputs, inputs, kernel, kernel))
    room = (EXACT_LIMIT - 1 - (1 << (MAX_SHIFT - 1))) // largest
    for row in weight.reshape(outputs, -1):  # as many large weights as there is room for
        row[np.cumsum(np.abs(row)) > room] = 0
    shift = generator.integers(1, MAX_SHIFT + 1, outputs)
    left = EXACT_LIMIT - 1 - np.abs(weight).sum((1, 2, 3)) * largest - (1 << (shift - 1))
    bias = left * generator.choice([-1, 1], outputs)
    return IntegerConvolution(weight.astype(np.int8), bias.astype(np.int32), shift.astype(np.uint8))


def extreme_input(seed: int, layer: IntegerConvolution, largest: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """Inputs of which half follow the signs of a row of weights, so that partial sums climb to the bound."""
    generator = np.random.default_rng(seed)
    x = generator.integers(-largest, largest + 1, (layer.weight.shape[1], *size))
    signs = np.sign(layer.weight[seed % len(layer.weight), :, 0, 0]).astype(np.int64)
    x[:, ::2] = largest * signs[:, None, None]
    return x.astype(np.float32)


def expected(layer: IntegerConvolution, x: NDArray[np.float32]) -> NDArray[np.int64]:
    return convolve(x.astype(np.int64), layer.weight, layer.bias, layer.shift)


@given(
    seed=st.integers(0, 1 << 30),
    kernel=st.sampled_from([1, 3]),
    inputs=st.integers(1, 300),
    outputs=st.integers(1, 40),
    largest=st.sampled_from([1, 127, 255]),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_equals_64_bit_arithmetic_at_the_bound(
    seed: int, kernel: int, inputs: int, outputs: int, largest: int, height: int, width: int
) -> None:
    layer = at_the_bound(seed, kernel, inputs, outputs, largest)
    x = extreme_input(seed, layer, largest, (height, width))
    assert (layer.bounds(largest) == EXACT_LIMIT - 1).all()
    assert (layer(x) == expected(layer, x)).all()


def test_the_cases_reach_the_bound() -> None:
    """What the test above holds for: sums just below 2^24, and results that the last bit changes."""
    layer = at_the_bound(3, 1, 2000, 64, 255)
    x = extreme_input(5, layer, 255, (8, 8))
    sums = np.abs(np.tensordot(layer.weight[:, :, 0, 0].astype(np.int64), x.astype(np.int64), axes=1))
    assert sums.max() > 0.95 * EXACT_LIMIT


def test_one_beyond_the_bound_is_not_exact() -> None:
    """The bound is not merely cautious: an odd sum above 2^24 has no float32."""
    weight = np.full((1, 520, 1, 1), 127, np.int8)
    layer = IntegerConvolution(weight, np.array([1], np.int32), np.array([1], np.uint8))
    assert layer.bounds(255)[0] > EXACT_LIMIT
    x = np.full((520, 1, 1), 255, np.float32)
    x[0] = 254
    odd = IntegerConvolution(weight, np.array([0], np.int32), np.array([1], np.uint8))
    difference = [float(each(x)[0, 0, 0]) - int(expected(each, x)[0, 0, 0]) for each in (layer, odd)]
    assert any(difference)


@pytest.mark.parametrize("kernel", [1, 3])
def test_parts_and_stacks(kernel: int) -> None:
    layer = at_the_bound(1, kernel, 30, 12, 255)
    x = extreme_input(2, layer, 255, (5, 6))
    whole = layer(x)
    assert (layer.part(outputs=slice(4, 9))(x) == whole[4:9]).all()
    assert (stacked([layer.part(outputs=slice(4)), layer.part(outputs=slice(4, None))])(x) == whole).all()
    split = layer.part(inputs=slice(7)).sums(x[:7]) + layer.part(inputs=slice(7, None)).sums(x[7:])
    assert (layer.rounded(split) == whole).all()


def test_what_is_added_to_the_bias() -> None:
    layer = at_the_bound(1, 3, 20, 8, 127)
    smaller = IntegerConvolution(layer.weight, layer.bias // 2, layer.shift)
    more = np.arange(8) * 1000 - 4000
    x = extreme_input(2, layer, 127, (4, 4))
    both = IntegerConvolution(layer.weight, (smaller.bias + more).astype(np.int32), layer.shift)
    assert (smaller(x, more) == both(x)).all()


def test_bounds_count_everything() -> None:
    weight = np.zeros((2, 3, 3, 3), np.int8)
    weight[1, 0] = -5
    layer = IntegerConvolution(weight, np.array([0, -7], np.int32), np.array([1, 4], np.uint8))
    assert layer.bounds(255).tolist() == [1, 5 * 9 * 255 + 7 + 8]
    assert layer.bounds(255, np.array([2, 11])).tolist() == [3, 5 * 9 * 255 + 7 + 8 + 11]
    assert layer.result_bound(255) == (5 * 9 * 255 + 15) // 16 + 1
    smallest = IntegerConvolution(weight, np.array([-(2**31), 0], np.int32), np.array([16, 1], np.uint8))
    assert smallest.bounds(255)[0] == 2**31 + 2**15, "nothing wraps around"


def test_activation_and_shuffle() -> None:
    x = np.array([[[-3.0, 0.0, 17.0, 255.0, 256.0, 1e6]]], np.float32)
    assert clipped(x).ravel().tolist() == [0, 0, 17, 255, 255, 255]
    cells = np.arange(2 * 4 * 3 * 5, dtype=np.float32).reshape(8, 3, 5)
    assert (integers.depth_to_space(cells) == depth_to_space(cells.astype(np.int64))).all()


@pytest.mark.parametrize("quality", [0, 1, 1234, 5000, 7143, 9999, 10000])
def test_interpolation(quality: int) -> None:
    table = np.random.default_rng(1).integers(-(2**31), 2**31, (4, 50)).astype(np.int32)
    mixed = integers.interpolate(table, quality)
    assert (mixed == interpolate(table, quality)).all()
    place = quality * 3 / 10000
    near = [np.interp(place, range(4), column) for column in table.T]
    np.testing.assert_allclose(mixed, near, rtol=1e-12, atol=1)


def test_anchors_are_hit_exactly() -> None:
    table = np.random.default_rng(1).integers(-1000, 1000, (5, 8)).astype(np.int32)
    for anchor in range(5):
        assert (integers.interpolate(table, 2500 * anchor) == table[anchor]).all()


_PROGRAM = """
import hashlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_integers import at_the_bound, extreme_input
digest = hashlib.sha256()
for kernel in (1, 3):
    layer = at_the_bound(kernel, kernel, 700, 96, 255)
    digest.update(layer(extreme_input(1, layer, 255, (40, 60))).tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_any_number_of_threads_and_any_kernels(threads: Threads) -> None:
    """OpenBLAS, which NumPy's wheels bring, chooses its kernels by the environment; others ignore it."""
    digest = hashlib.sha256()
    for kernel in (1, 3):
        layer = at_the_bound(kernel, kernel, 700, 96, 255)
        x = extreme_input(1, layer, 255, (40, 60))
        result = expected(layer, x)
        for count in (1, 2):
            with threads(count):
                assert (layer(x) == result).all()
        digest.update(result.astype(np.float32).tobytes())
    run = subprocess.run(
        [sys.executable, "-c", _PROGRAM, Path(__file__).parent],
        env={**os.environ, "OPENBLAS_CORETYPE": "Haswell"}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [digest.hexdigest()]
