"""Scale context: adapts the scales of the symbols to come to the symbols decoded so far.

The hyper-latent gives every symbol an initial scale. If the symbols around it are larger or smaller than their scales
predict, that is additional information, and it costs nothing, since both sides know these symbols. Each of the four
steps of the spatial context is coded in four parts, from the channels with the largest variance to those with the
smallest: the few large ones say most about all others at the same position. For every part but the first, on the grid
of 2x2 cells::

    surprises of the earlier parts, own initial levels ── 1x1 ── 3x3 ── 1x1 ── added to the initial log-scales

The surprise of a symbol s with scale sigma is ``ln(1 + |s|)`` minus its mean for sigma.

Adapting scales to decoded neighbours is known as backward adaptation (Malvar, "Fast Progressive Wavelet Coding", DCC
1999). Here it is computed in integers, separately from the context of the means, so that files stay portable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.integers import MAX_ACTIVATION, Floats, IntegerConvolution, clipped, stacked
from cnncompress.entropy.parts import PARTS_OF_STEP, STEPS, coding_parts
from cnncompress.model.config import ModelConfig

MAGNITUDES = 256
"""Number of magnitudes in the table of surprises; larger ones count as the last."""
SURPRISE_BITS = 5
"""Fractional bits of a surprise in nats."""
MAX_SURPRISE = 127
CENTRE_LEVEL = 24
"""Initial level that is 0 at the input of the networks."""
LAYERS = ("stem", "middle", "head")


@dataclass(frozen=True)
class PartNetwork:
    """The three layers that correct the log-scales of one part."""

    stem: IntegerConvolution
    middle: IntegerConvolution
    head: IntegerConvolution


class IntegerScaleContext:
    """The networks that refine the scales, in exact integers. Holds no state; threads may share it."""

    def __init__(self, config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Takes over the tensors.

        Args:
            config: Shape of the model.
            tensors: Tensors by name; those with the prefix ``context.`` are used.
        """
        self.parts = coding_parts(config.bands)
        self._known = [part.in_latent.start - part.in_step.start for part in self.parts]
        self.networks = {
            number: PartNetwork(*(IntegerConvolution.of(tensors, f"context.{number}.{name}") for name in LAYERS))
            for number in range(1, len(self.parts))
        }
        self._surprises = tensors["context.surprise"].astype(np.float32).ravel()
        stems = {number: network.stem for number, network in self.networks.items()}
        self._own = {number: stem.part(inputs=slice(self._known[number], None)) for number, stem in stems.items()}
        # The contribution of earlier steps is one product for all parts of a step, which is faster than one per part.
        before = [stem.part(inputs=slice(self._known[number])) for number, stem in stems.items()]
        firsts = [step * PARTS_OF_STEP - 1 for step in range(1, STEPS)]  # the first part has no network
        self._before = [stacked(before[first : first + PARTS_OF_STEP]) for first in firsts]

    def bounds(self) -> dict[str, int]:
        """Returns the largest possible partial sum of each layer, by name."""
        limits = dict(zip(LAYERS, (MAX_SURPRISE, MAX_ACTIVATION, MAX_ACTIVATION), strict=True))
        return {
            f"context.{number}.{name}": int(getattr(network, name).bounds(limit).max())
            for number, network in self.networks.items()
            for name, limit in limits.items()
        }

    def correction_bound(self) -> int:
        """Returns the largest possible magnitude of a correction."""
        return max(network.head.result_bound(MAX_ACTIVATION) for network in self.networks.values())

    def from_steps_before(self, step: int, seen: Floats) -> Floats:
        """Computes the contribution of earlier steps to the corrections of a step.

        Args:
            step: Number of the step, not 0.
            seen: float32 ``[4M, h/2, w/2]``, integer values: surprises of all earlier parts. The rest is not read.

        Returns:
            float32 ``[4, C, h/2, w/2]``, an argument of `correction`.
        """
        sums = self._before[step - 1].sums(seen[: self._known[step * PARTS_OF_STEP]])
        return sums.reshape(PARTS_OF_STEP, -1, *sums.shape[1:])

    def correction(self, part: int, seen: Floats, before: Floats | None) -> Floats:
        """Computes the correction of a part's log-scales.

        Args:
            part: Number of the part, not 0.
            seen: float32 ``[4M, h/2, w/2]``, integer values: surprises of the earlier parts; then, for the part
                itself, its initial levels minus `CENTRE_LEVEL`. The rest is not read.
            before: Result of `from_steps_before`; None in the first step.

        Returns:
            float32 ``[n, h/2, w/2]``, integer values in 1/256 nat.
        """
        network = self.networks[part]
        sums = self._own[part].sums(seen[self._known[part] : self.parts[part].in_latent.stop])
        if before is not None:
            sums += before[part % PARTS_OF_STEP]
        return network.head(clipped(network.middle(clipped(network.stem.rounded(sums)))))

    def surprise(self, symbols: NDArray[np.int32], levels: NDArray[np.uint8], out: Floats) -> None:
        """Looks up the surprises of decoded symbols.

        Args:
            symbols: int32 ``[n, h/2, w/2]``.
            levels: uint8 of the same shape, their initial levels.
            out: float32 of the same shape; receives the surprises, with `SURPRISE_BITS` fractional bits.
        """
        index = np.minimum(np.abs(symbols), MAGNITUDES - 1)
        index += np.multiply(levels, MAGNITUDES, dtype=np.int32)
        np.take(self._surprises, index, out=out, mode="clip")


def context_shapes(config: ModelConfig) -> dict[str, tuple[int, int, int]]:
    """Returns output channels, input channels and kernel size of all layers, by name."""
    width = config.scale_context_width
    return {
        f"context.{number}.{name}": shape
        for number, part in enumerate(coding_parts(config.bands))
        if number
        for name, shape in zip(
            LAYERS, ((width, part.in_latent.stop, 1), (width, width, 3), (part.size, width, 1)), strict=True
        )
    }
