"""Bits of a symbol, against SciPy's normal distribution, and rounding with a wider zero bin.

Where the bin begins, and that it never moves a symbol by more than one.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cnncompress.entropy.dead_zone import STRENGTH
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN
from cnncompress.nn.gaussian import dead_zone, gaussian_bits, round_with_dead_zone

LOG_SCALES = torch.arange(SCALE_LEVELS) / LEVELS_PER_NAT


def reference(residual: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Minus log2 of the mass of ``|residual| ± 1/2``, from the upper tail where it is small."""
    low, high = (np.abs(residual) - 0.5) / scale, (np.abs(residual) + 0.5) / scale
    bits: np.ndarray = -np.log2(np.maximum(norm.sf(low) - norm.sf(high), 2.0**-24))
    return bits


@pytest.mark.parametrize("level", [0, 1, 8, 20, 40, SCALE_LEVELS - 1])
def test_agrees_with_scipy(level: int) -> None:
    scale = SCALE_MIN * np.exp(level / LEVELS_PER_NAT)
    symbols = np.unique(np.round(np.linspace(-8, 8, 81) * scale))
    residual = np.concatenate([symbols, np.linspace(-3, 3, 61) * scale])
    log_scale = torch.tensor(level / LEVELS_PER_NAT)
    bits = gaussian_bits(torch.from_numpy(residual).float(), log_scale)
    np.testing.assert_allclose(bits.numpy(), reference(residual, scale), rtol=2e-3, atol=2e-4)


def test_symmetric_and_capped() -> None:
    residual = torch.tensor([0.0, 1.0, 5.0, 1e3, 1e6])
    log_scale = torch.zeros(5)
    bits = gaussian_bits(residual, log_scale)
    assert torch.equal(bits, gaussian_bits(-residual, log_scale))
    assert bits[0] < 1e-4
    assert bits[2:].tolist() == [24.0, 24.0, 24.0]


def test_masses_of_all_symbols_add_up_to_one() -> None:
    for level in (0, 16, 32):
        scale = SCALE_MIN * np.exp(level / LEVELS_PER_NAT)
        reach = int(4 * scale) + 1
        symbols = torch.arange(-reach, reach + 1).float()
        total = torch.exp2(-gaussian_bits(symbols, torch.tensor(level / LEVELS_PER_NAT))).sum()
        assert total.item() == pytest.approx(1.0, abs=2e-4)


def test_gradients_are_finite_and_point_the_right_way() -> None:
    """An improbable symbol asks for a larger scale and a smaller residual, also where the bits are capped."""
    residual = torch.tensor([3.0, 30.0, 3000.0, 0.0], requires_grad=True)
    log_scale = torch.tensor([1.0, 1.0, 0.0, 2.0], requires_grad=True)
    gaussian_bits(residual, log_scale).sum().backward()
    assert residual.grad is not None and log_scale.grad is not None
    assert torch.isfinite(residual.grad).all() and torch.isfinite(log_scale.grad).all()
    assert residual.grad[0] > 0 and log_scale.grad[0] < 0
    assert residual.grad[3] == 0 and log_scale.grad[3] > 0


@given(st.floats(-1000, 1000, width=32), st.floats(0, 0.5, width=32))
def test_rounding(residual: float, widening: float) -> None:
    symbol = round_with_dead_zone(torch.tensor(residual), torch.tensor(widening)).item()
    assert symbol == int(symbol)
    assert symbol * residual >= 0, "never to the other side of zero"
    excess = abs(residual) - abs(symbol)
    assert -0.5 + widening - 1e-3 <= excess <= 0.5 + widening + 1e-3


def test_without_widening_it_is_plain_rounding() -> None:
    residual = torch.arange(-49, 50) / 10 + 0.01
    assert torch.equal(round_with_dead_zone(residual, torch.zeros(99)), residual.round())


def test_widening_follows_the_price_of_a_one() -> None:
    widening = dead_zone(LOG_SCALES)
    assert (widening[:-1] >= widening[1:] - 1e-5).all(), "the smaller the scale, the dearer a one"
    assert 0.15 < widening[0] < 0.5 and widening[-1] < 1e-3
    middle = 20
    price = gaussian_bits(torch.tensor(1.0), LOG_SCALES[middle]) - gaussian_bits(torch.tensor(0.0), LOG_SCALES[middle])
    assert widening[middle].item() == pytest.approx(STRENGTH * price.item(), rel=1e-5)
