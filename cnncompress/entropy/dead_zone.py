"""Rounding with a dead zone: toward zero if the next symbol is too expensive.

Coding a residual just above one half as 1 instead of 0 lowers the distortion only a little. If zeros are expected, a 1
takes many bits. Rate-distortion theory widens the quantiser's zero bin by half the extra bits over the weight of the
distortion (Sullivan, "Efficient Scalar Quantization of Exponential and Laplacian Random Variables", IEEE Transactions
on Information Theory, 1996). Here that weight is one constant, because the gains make the distortion of a step similar
in all channels. Only the encoder rounds, so the file format and decoders are not affected. Training uses the same rule
as a function of the scale, in `cnncompress.nn.gaussian`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, SCALE_MIN

MIN_LIKELIHOOD = 2.0**-24
"""Lower bound of the probability of a symbol."""

STRENGTH = 0.01
"""Widening, in quantisation steps, per bit that a 1 costs more than a 0; chosen on held-out images
(docs/TRAINING.md)."""


def widenings() -> NDArray[np.float32]:
    """Returns how far above one half a residual is rounded up, by scale level: float32 ``[64]``, 0 .. 0.19."""
    extra_bits = [_bits(1, level) - _bits(0, level) for level in range(SCALE_LEVELS)]
    return (STRENGTH * np.maximum(extra_bits, 0.0)).astype(np.float32)


def round_with_dead_zone(
    residual: NDArray[np.float32], widening: NDArray[np.float32] | float, largest: int
) -> NDArray[np.int32]:
    """Rounds to integers: magnitudes from ``k + 1/2 + widening`` on become ``k + 1``.

    Args:
        residual: float32, finite, in quantisation steps.
        widening: float32 that broadcasts with the residual, 0 .. 1/2.
        largest: Largest magnitude of the result; larger ones are clamped.

    Returns:
        int32 of the residual's shape.
    """
    magnitude = np.abs(residual)
    magnitude += np.float32(0.5) - np.float32(widening)
    np.floor(magnitude, out=magnitude)
    np.clip(magnitude, np.float32(0.0), np.float32(largest), out=magnitude)
    return np.copysign(magnitude, residual, out=magnitude).astype(np.int32)


def _bits(symbol: int, level: int) -> float:
    """Bits of a symbol under the Gaussian of a scale level."""
    inverse_scale = math.exp(-level / LEVELS_PER_NAT) * math.sqrt(0.5) / SCALE_MIN
    mass = 0.5 * (math.erfc((symbol - 0.5) * inverse_scale) - math.erfc((symbol + 0.5) * inverse_scale))
    return -math.log2(max(mass, MIN_LIKELIHOOD))
