"""Rounding: halves go upward, and gradients pass straight through. The lower bound and its gradient, in every case."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.nn.straight_through import lower_bound, round_half_up, round_straight_through

VALUES = [-2.5, -1.5, -0.51, -0.5, -0.49, -0.0, 0.49, 0.5, 1.5, 2.5, 3.49]
ROUNDED = [-2.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 3.0]


def test_values() -> None:
    x = torch.tensor([-3.0, 0.99, 1.0, 1.01, 50.0])
    assert lower_bound(x, 1.0).tolist() == pytest.approx([1.0, 1.0, 1.0, 1.01, 50.0])
    assert lower_bound(x.bfloat16(), 1.0).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("value", "gradient", "expected"),
    [
        (2.0, 1.0, 1.0),  # inside: every gradient passes
        (2.0, -1.0, -1.0),
        (1.0, 1.0, 1.0),  # on the bound: inside
        (1.0, -1.0, -1.0),
        (0.0, -1.0, -1.0),  # below, and the step would go up: passes
        (0.0, 1.0, 0.0),  # below, and the step would go further down: held back
        (0.0, 0.0, 0.0),
    ],
)
def test_gradient(value: float, gradient: float, expected: float) -> None:
    x = torch.tensor(value, requires_grad=True)
    lower_bound(x, 1.0).backward(torch.tensor(gradient))
    assert x.grad is not None and x.grad.item() == expected


def test_descent_brings_a_value_back_inside() -> None:
    x = torch.tensor(-1.0, requires_grad=True)
    for _ in range(50):
        ((lower_bound(x, 0.0) - 2.0) ** 2).backward()
        with torch.no_grad():
            assert x.grad is not None
            x -= 0.1 * x.grad
            x.grad = None
    assert x.item() == pytest.approx(2.0, abs=0.01)


def test_gradient_inside_agrees_with_finite_differences() -> None:
    x = torch.linspace(1.1, 3.0, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: lower_bound(v, 1.0).square(), (x,))


def test_halves_go_upward() -> None:
    assert round_half_up(torch.tensor(VALUES)).tolist() == ROUNDED


@given(st.integers(-(2**20), 2**20), st.integers(1, 10))
def test_agrees_with_an_integer_shift(number: int, bits: int) -> None:
    scaled = torch.tensor(number * 2.0**-bits, dtype=torch.float64)
    assert round_half_up(scaled).item() == (number + (1 << (bits - 1))) >> bits


@given(st.floats(-1e6, 1e6))
def test_is_never_further_than_a_half(value: float) -> None:
    rounded = round_half_up(torch.tensor(value, dtype=torch.float64)).item()
    assert rounded == math.floor(value + 0.5) and abs(rounded - value) <= 0.5


def test_straight_through() -> None:
    x = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    rounded = round_straight_through(x)
    assert rounded.tolist() == ROUNDED
    slopes = torch.arange(len(VALUES), dtype=torch.float64)
    (rounded * slopes).sum().backward()
    assert x.grad is not None and torch.equal(x.grad, slopes)


def test_types_and_shapes_stay() -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = torch.randn(2, 3, dtype=dtype)
        assert round_half_up(x).dtype == round_straight_through(x).dtype == dtype
        assert round_half_up(x).shape == round_straight_through(x).shape == x.shape
