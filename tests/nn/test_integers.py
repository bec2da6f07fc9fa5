"""Exact integer convolution: equal to big-integer arithmetic up to its bound, and the bound itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.nn.integers import MAX_EXACT_INTEGER, accumulator_bound, integer_conv2d, shift_right_rounded

Threads = Callable[[int], AbstractContextManager[None]]


def convolve_big_integers(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolves Python integers ("same" size), one multiplication after the other."""
    pad = weight.shape[-1] // 2
    padded = np.pad(x.astype(object), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((len(x), len(weight), *x.shape[2:]), dtype=object)
    for b, o, i, j in np.ndindex(*out.shape):
        window = padded[b, :, i : i + weight.shape[2], j : j + weight.shape[3]]
        out[b, o, i, j] = int(bias[o]) + sum(int(w) * int(v) for w, v in zip(weight[o].flat, window.flat, strict=True))
    return out


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("weight_bits", [4, 20, 31])
def test_exact_up_to_the_bound(kernel: int, weight_bits: int, threads: Threads) -> None:
    rng = np.random.default_rng(kernel + weight_bits)
    fan_in = 8 * kernel**2
    weight = rng.integers(-(2**weight_bits) + 1, 2**weight_bits, (5, 8, kernel, kernel))
    activation_bits = 52 - weight_bits - fan_in.bit_length()
    x = rng.integers(-(2**activation_bits), 2**activation_bits + 1, (2, 8, 6, 7))
    bias = rng.integers(-(2**50), 2**50, 5)
    bound = accumulator_bound(torch.from_numpy(weight), torch.from_numpy(bias), 2**activation_bits)
    assert 2**49 < bound < MAX_EXACT_INTEGER
    expected = convolve_big_integers(x, weight, bias)
    arguments = [torch.from_numpy(values).double() for values in (x, weight, bias)]
    for count in (1, 2):
        with threads(count):
            assert (integer_conv2d(*arguments).numpy().astype(np.int64) == expected).all()
    last = [arguments[0].contiguous(memory_format=torch.channels_last), *arguments[1:]]
    assert (integer_conv2d(*last).numpy().astype(np.int64) == expected).all()


def test_cancelling_sums_at_the_very_bound() -> None:
    """Partial sums climb to 2^53 - 1, and come back to numbers whose lowest bits count."""
    half = 2**52 - 2
    weight = torch.tensor([[half, half, 1, -half, -half]], dtype=torch.float64)[..., None, None]
    x = torch.ones(1, 5, 4, 4, dtype=torch.float64)
    bias = torch.tensor([2.0], dtype=torch.float64)
    for order in itertools.permutations(range(5), 5):
        assert integer_conv2d(x[:, list(order)], weight[:, list(order)], bias).unique().tolist() == [3.0]


@given(st.integers(1, 4), st.integers(1, 3), st.sampled_from([1, 3]), st.integers(1, 9), st.data())
def test_bound_is_what_the_worst_input_reaches(
    out_channels: int, in_channels: int, kernel: int, largest: int, data: st.DataObject
) -> None:
    numbers = st.integers(-50, 50)
    size = out_channels * in_channels * kernel**2
    weight = np.array(data.draw(st.lists(numbers, min_size=size, max_size=size)))
    weight = weight.reshape(out_channels, in_channels, kernel, kernel)
    bias = np.array(data.draw(st.lists(numbers, min_size=out_channels, max_size=out_channels)))
    worst = 0
    for channel in range(out_channels):
        sign = -1 if bias[channel] < 0 else 1
        window = sign * largest * np.sign(weight[channel])[None]
        value = convolve_big_integers(window, weight[channel : channel + 1], bias[channel : channel + 1])
        worst = max(worst, abs(value[0, 0, kernel // 2, kernel // 2]))
    assert accumulator_bound(torch.from_numpy(weight), torch.from_numpy(bias), largest) == worst


@pytest.mark.parametrize(
    ("weight", "bias", "expected"),
    [
        (torch.tensor([-(2**31)], dtype=torch.int32), torch.tensor([0]), 2**31 * 2**18),
        (torch.tensor([1], dtype=torch.int32), torch.tensor([-(2**63)]), 2**63 + 2**18),
        (torch.full((2**15,), 2**31 - 1, dtype=torch.int32), torch.tensor([0]), 2**15 * (2**31 - 1) * 2**18),
    ],
)
def test_bound_does_not_wrap_around(weight: torch.Tensor, bias: torch.Tensor, expected: int) -> None:
    assert accumulator_bound(weight.view(1, -1, 1, 1), bias, 2**18) == expected


@given(st.integers(-(2**52) + 1, 2**52 - 1), st.integers(1, 30))
def test_shift(number: int, bits: int) -> None:
    x = torch.tensor(number, dtype=torch.float64)
    assert int(shift_right_rounded(x, bits).item()) == (number + (1 << (bits - 1))) >> bits
