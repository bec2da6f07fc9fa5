"""Vectors by quality, and the place of a quality among the anchors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cnncompress.nn.quality import QualityTable, lambda_at, quality_position


@pytest.mark.parametrize("anchors", [2, 3, 8])
def test_interpolation(anchors: int) -> None:
    torch.manual_seed(0)
    table = QualityTable(anchors, 5)
    with torch.no_grad():
        table.table.normal_()
        position = torch.linspace(0, anchors - 1, 4 * (anchors - 1) + 1)
        vectors = table(position)
    assert vectors.shape == (len(position), 5, 1, 1)
    for channel, column in enumerate(table.table.detach().numpy().T):
        expected = np.interp(position.numpy(), np.arange(anchors), column)
        np.testing.assert_allclose(vectors[:, channel, 0, 0].numpy(), expected, atol=1e-6)
    assert torch.equal(vectors[::4, :, 0, 0], table.table)


def test_a_new_table_is_zero() -> None:
    assert not QualityTable(3, 4)(torch.tensor([0.0, 0.7, 2.0])).any()


def test_autocast_keeps_full_precision() -> None:
    torch.manual_seed(0)
    table, position = QualityTable(8, 16), torch.tensor([0.3, 4.9])
    with torch.no_grad():
        table.table.normal_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = table(position)
        assert torch.equal(found, table(position))


def test_gradient_goes_to_the_two_neighbours() -> None:
    table = QualityTable(4, 2)
    table(torch.tensor([1.25])).sum().backward()
    assert table.table.grad is not None
    assert table.table.grad.tolist() == [[0.0, 0.0], [0.75, 0.75], [0.25, 0.25], [0.0, 0.0]]


def test_qualities_are_spread_evenly_over_the_anchors() -> None:
    quality = torch.tensor([-5.0, 0.0, 25.0, 50.0, 100.0, 101.0])
    assert quality_position(quality, 5).tolist() == [0.0, 0.0, 1.0, 2.0, 4.0, 4.0]
    assert quality_position(torch.tensor([50]), 8).dtype == torch.float32


def test_lambda_is_interpolated_in_its_logarithm() -> None:
    position = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0])
    expected = [0.001, math.sqrt(1e-5), 0.01, 0.1, 1.0]
    assert lambda_at((0.001, 0.01, 1.0), position).tolist() == pytest.approx(expected, rel=1e-5)
