"""Coding order, quality vectors and quantisation steps in NumPy, against the torch modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnncompress.engines.partition import Partition
from cnncompress.engines.quality import interpolated
from cnncompress.model.config import ModelConfig
from cnncompress.nn import quality as reference
from cnncompress.nn.mean_context import StepPartition
from cnncompress.nn.quantisation import QuantisationSteps
from cnncompress.units import Hundredths


@pytest.mark.parametrize("bands", [(4,), (32,), (16, 8), (320, 192)])
def test_order(bands: tuple[int, ...]) -> None:
    own, other = Partition(bands), StepPartition(bands)
    y = np.arange(sum(bands) * 4 * 6, dtype=np.float32).reshape(sum(bands), 4, 6)
    steps = own.split(y)
    expected = torch.stack(other.split(torch.from_numpy(y)[None]), 1)[0].numpy()
    assert np.array_equal(steps, expected)
    assert np.array_equal(own.merge(steps), y)


@pytest.mark.parametrize(("channels", "fine"), [(8, 0), (20, 0), (12, 4), (512, 192)])
def test_quantisation_step_of_each_channel(channels: int, fine: int) -> None:
    config = ModelConfig(latent_channels=channels, fine_channels=fine)
    rows = np.concatenate(Partition(config.bands).delta_rows)
    assert np.array_equal(rows, QuantisationSteps(config).index.numpy())


@given(st.integers(0, 10000), st.integers(2, 9))
def test_quality(quality: int, anchors: int) -> None:
    table = np.random.default_rng(anchors).standard_normal((anchors, 3)).astype(np.float32)
    position = reference.quality_position(torch.tensor([quality / 100]), anchors)
    expected = reference.interpolated(torch.from_numpy(table), position).flatten().numpy()
    found = interpolated(table, Hundredths(quality))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_quality_at_the_anchors() -> None:
    table = np.arange(12, dtype=np.float16).reshape(3, 4)
    for index, quality in enumerate((0, 5000, 10000)):
        assert np.array_equal(interpolated(table, Hundredths(quality)), table[index])
