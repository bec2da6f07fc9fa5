"""Twin layers: what they simulate is what the integer layers compute."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnncompress.entropy.integers import EXACT_LIMIT, MAX_SHIFT
from cnncompress.nn.twin_layers import (
    CONTEXT_STEM,
    HEAD,
    HIDDEN,
    HYPER_STEM,
    Precision,
    TwinConv2d,
    clipped_activation,
    fixed,
    simulated_quantisation,
)

PRECISIONS = [HYPER_STEM, CONTEXT_STEM, HIDDEN, HEAD]


def twin(precision: Precision, kernel: int = 3, channels: int = 20, outputs: int = 16) -> TwinConv2d:
    """A layer whose output channels have weights of very different sizes."""
    torch.manual_seed(kernel)
    layer = TwinConv2d(channels, outputs, kernel, precision)
    with torch.no_grad():
        layer.weight.mul_(torch.logspace(-3, 1, outputs)[:, None, None, None])
    return layer


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_simulation_is_the_integer_layer(precision: Precision, kernel: int) -> None:
    layer = twin(precision, kernel)
    exact = layer.to_integers()
    assert (exact.bounds(precision.largest_input) < EXACT_LIMIT).all()
    x = np.random.default_rng(0).integers(0, precision.largest_input + 1, (20, 6, 5)).astype(np.float32)
    with torch.no_grad():
        sums = layer(torch.from_numpy(x)[None] * 2.0**-precision.input_bits, simulate_integers=True)
    simulated = simulated_quantisation(sums, precision.output_bits) * 2.0**precision.output_bits
    assert (simulated[0].numpy() == exact(x)).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_use_their_eight_bits(precision: Precision) -> None:
    exact = twin(precision, channels=4).to_integers()
    largest = np.abs(exact.weight.astype(int)).max((1, 2, 3))
    free = exact.shift < MAX_SHIFT
    assert free.sum() > 8 and (largest[free] >= 64).all()


def test_wide_layers_give_up_bits_for_exact_sums() -> None:
    torch.manual_seed(0)
    layer = TwinConv2d(3000, 8, 1, HIDDEN)
    with torch.no_grad():
        layer.weight.uniform_(0.05, 0.1)
    exact = layer.to_integers()
    assert (exact.bounds(HIDDEN.largest_input) < EXACT_LIMIT).all()
    assert (exact.bounds(HIDDEN.largest_input) > EXACT_LIMIT // 4).all()
    assert np.abs(exact.weight.astype(int)).max() < 64


def test_tables_and_biases_count() -> None:
    layer = twin(HYPER_STEM)
    table = torch.full((3, 16), 1e4)
    plain, with_table = layer.to_integers(), layer.to_integers(table)
    assert (with_table.shift < plain.shift).any() and (with_table.shift <= plain.shift).all()
    added = fixed(table, with_table.shift.astype(int)[0] + 5).numpy()
    assert (with_table.bounds(127, np.abs(added).max(0))[0] < EXACT_LIMIT).all()


def test_what_is_too_large_is_saturated() -> None:
    layer = TwinConv2d(4, 4, 1, HIDDEN)
    with torch.no_grad():
        layer.weight.fill_(1e6)
        layer.bias.fill_(-1e12)  # type: ignore[union-attr]
    exact = layer.to_integers()
    assert (exact.weight == 127).all() and (exact.shift == 1).all()
    assert (exact.bias == -(2**31)).all()
    x = torch.ones(1, 4, 2, 2)
    with torch.no_grad():
        layer.bias.zero_()  # type: ignore[union-attr]
        assert (layer(x, simulate_integers=True) == 4 * 127 / 2).all()


def test_integers_come_back() -> None:
    for precision in PRECISIONS:
        exact = twin(precision).to_integers()
        other = twin(precision, kernel=3)
        with torch.no_grad():
            other.weight.normal_()
        other.load_integers(exact)
        again = other.to_integers()
        for name in ("weight", "bias", "shift"):
            assert (getattr(again, name) == getattr(exact, name)).all(), name


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    layer = twin(HIDDEN, channels=4)
    x = torch.rand(1, 4, 5, 5, requires_grad=True)
    gradients = []
    for simulate in (False, True):
        layer.zero_grad()
        layer(x, simulate).sum().backward()
        assert layer.weight.grad is not None and layer.bias is not None and layer.bias.grad is not None
        gradients.append((layer.weight.grad.clone(), layer.bias.grad.clone()))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_activation() -> None:
    x = torch.tensor([-1.0, 0.01, 0.02, 1.0, 7.96, 9.0], requires_grad=True)
    y = clipped_activation(x, True)
    assert (y * 32).tolist() == [0, 0, 1, 32, 255, 255]
    y.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 1, 1, 0]
    torch.testing.assert_close(clipped_activation(x, False).detach(), x.detach().clamp(0, 255 / 32))
