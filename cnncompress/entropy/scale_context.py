"""Scale context: how much the symbols decoded so far widen or narrow the distributions of those to come.

The hyper-latent gives every symbol a scale in advance. Whether the symbols around it then came out larger or smaller
than their own scales let expect says more, and says it for nothing: both sides know them. Each of the four steps of the
spatial context is coded in four parts, from the channels with the largest variance to those with the smallest: the few
large ones tell the most about all others at the same place. For every part but the first, on the grid of 2x2 cells::

    surprises of the parts before, own levels in advance ── 1x1 ── 3x3 ── 1x1 ── added to the log-scales in advance

where the surprise of a symbol s of scale sigma is ``ln(1 + |s|)`` minus what that is on average for sigma.
Adapting scales to decoded neighbours is old (backward adaptation: Malvar, "Fast Progressive Wavelet Coding", DCC 1999);
that it may be done in integers, apart from the context of the means, is what keeps files portable.
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
"""Symbols of this magnitude and more surprise alike."""
SURPRISE_BITS = 5
"""Fractional bits of a surprise in nats."""
MAX_SURPRISE = 127
CENTRE_LEVEL = 24
"""The level in advance that the networks see as 0."""
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
        """Takes the numbers over.

        Args:
            config: Shape of the model.
            tensors: By name, those whose names begin with ``context.``.
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
        # What the steps before tell is one product for all parts of a step, which is faster than one for each.
        before = [stem.part(inputs=slice(self._known[number])) for number, stem in stems.items()]
        firsts = [step * PARTS_OF_STEP - 1 for step in range(1, STEPS)]  # the first part has no network
        self._before = [stacked(before[first : first + PARTS_OF_STEP]) for first in firsts]

    def bounds(self) -> dict[str, int]:
        """Largest possible partial sum of each layer, by its name."""
        limits = dict(zip(LAYERS, (MAX_SURPRISE, MAX_ACTIVATION, MAX_ACTIVATION), strict=True))
        return {
            f"context.{number}.{name}": int(getattr(network, name).bounds(limit).max())
            for number, network in self.networks.items()
            for name, limit in limits.items()
        }

    def correction_bound(self) -> int:
        """Largest magnitude that is added to a log-scale."""
        return max(network.head.result_bound(MAX_ACTIVATION) for network in self.networks.values())

    def from_steps_before(self, step: int, seen: Floats) -> Floats:
        """What the steps before tell the networks of a step but the first.

        Args:
            step: Its number.
            seen: float32 ``[4M, h/2, w/2]``, integer values: the surprises of all parts before. The rest is not read.

        Returns:
            float32 ``[4, C, h/2, w/2]``; what `correction` takes.
        """
        sums = self._before[step - 1].sums(seen[: self._known[step * PARTS_OF_STEP]])
        return sums.reshape(PARTS_OF_STEP, -1, *sums.shape[1:])

    def correction(self, part: int, seen: Floats, before: Floats | None) -> Floats:
        """What is added to the log-scales of a part.

        Args:
            part: Its number, not 0.
            seen: float32 ``[4M, h/2, w/2]``, integer values: the surprises of the parts before, then, for the part
                itself, its levels in advance minus `CENTRE_LEVEL`. The rest is not read.
            before: From `from_steps_before`; None in the first step.

        Returns:
            float32 ``[n, h/2, w/2]``, integer values in 1/256 nat.
        """
        network = self.networks[part]
        sums = self._own[part].sums(seen[self._known[part] : self.parts[part].in_latent.stop])
        if before is not None:
            sums += before[part % PARTS_OF_STEP]
        return network.head(clipped(network.middle(clipped(network.stem.rounded(sums)))))

    def surprise(self, symbols: NDArray[np.int32], levels: NDArray[np.uint8], out: Floats) -> None:
        """Looks up what decoded symbols tell the parts after theirs.

        Args:
            symbols: int32 ``[n, h/2, w/2]``.
            levels: uint8 of the same shape, their levels in advance.
            out: float32 of the same shape, for the result, with `SURPRISE_BITS` fractional bits.
        """
        index = np.minimum(np.abs(symbols), MAGNITUDES - 1)
        index += np.multiply(levels, MAGNITUDES, dtype=np.int32)
        np.take(self._surprises, index, out=out, mode="clip")


def context_shapes(config: ModelConfig) -> dict[str, tuple[int, int, int]]:
    """Output channels, input channels and kernel size of all layers, by name."""
    width = config.scale_context_width
    return {
        f"context.{number}.{name}": shape
        for number, part in enumerate(coding_parts(config.bands))
        if number
        for name, shape in zip(
            LAYERS, ((width, part.in_latent.stop, 1), (width, width, 3), (part.size, width, 1)), strict=True
        )
    }
