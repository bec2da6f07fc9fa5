"""Rounding toward zero where a symbol is expensive."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.entropy.dead_zone import round_with_dead_zone, widenings
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS
from cnncompress.nn import gaussian

LARGEST = 1 << 20


@given(st.floats(-1000, 1000, width=32), st.floats(0, 0.5, width=32))
def test_rounding_is_that_of_training(residual: float, widening: float) -> None:
    (symbol,) = round_with_dead_zone(np.array([residual], np.float32), widening, LARGEST)
    assert symbol == gaussian.round_with_dead_zone(torch.tensor(residual), torch.tensor(widening)).item()


def test_large_residuals_are_clamped() -> None:
    residuals = np.array([3e6, -3e6, 3e38, 5.4, -5.6], np.float32)
    assert round_with_dead_zone(residuals, 0.0, 5).tolist() == [5, -5, 5, 5, -5]
    assert residuals[3] == np.float32(5.4), "left as it was"


def test_widenings_are_those_of_training() -> None:
    expected = gaussian.dead_zone(torch.arange(SCALE_LEVELS) / LEVELS_PER_NAT)
    np.testing.assert_allclose(widenings(), expected.numpy(), rtol=1e-4, atol=1e-6)
