"""Rounding with a wider zero bin: where it begins, and that it never moves a symbol by more than one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.nn.config import LEVELS_PER_NAT, SCALE_LEVELS
from cnncompress.nn.dead_zone import STRENGTH, dead_zone, round_with_dead_zone
from cnncompress.nn.gaussian import gaussian_bits

LOG_SCALES = torch.arange(SCALE_LEVELS) / LEVELS_PER_NAT


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
    assert 0.3 < widening[0] < 0.5 and widening[-1] < 1e-3
    middle = 20
    price = gaussian_bits(torch.tensor(1.0), LOG_SCALES[middle]) - gaussian_bits(torch.tensor(0.0), LOG_SCALES[middle])
    assert widening[middle].item() == pytest.approx(STRENGTH * price.item(), rel=1e-5)
