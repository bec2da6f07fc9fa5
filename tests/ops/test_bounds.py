"""The lower bound and its gradient, in every case."""

from __future__ import annotations

import pytest
import torch

from cnncompress.ops.bounds import lower_bound


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
