"""Scale levels of a latent, part by part: the levels of a part depend on the symbols of earlier parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnncompress.entropy.parts import PARTS_OF_STEP, Part
from cnncompress.entropy.scale_context import CENTRE_LEVEL
from cnncompress.entropy.scales import IntegerScales, scale_levels


class ScaleWalk:
    """Used by encoder and decoder: call `levels` for the next part, then `add` with its symbols."""

    def __init__(self, scales: IntegerScales, z: NDArray[np.int32], quality: int) -> None:
        """Starts with the hyper-latent.

        Args:
            scales: Integer scale networks.
            z: int32 ``[N, h/4, w/4]``.
            quality: Hundredths, 0 .. 10000.
        """
        self._scales = scales
        self._quality = quality
        self._features = scales.features(z, quality)
        size = (scales.parts[-1].in_latent.stop, *self._features.shape[1:])
        # Input of the scale context: surprises of the earlier parts, then the part's own levels.
        self._seen = np.empty(size, np.float32)
        self._symbols = np.empty(size, np.int32)
        self._levels = np.empty(size, np.uint8)
        self._in_advance = np.empty(0, np.uint8)
        self._from_steps_before: NDArray[np.float32] | None = None
        self._part = 0

    def parts(self, step: int | None = None) -> tuple[Part, ...]:
        """Returns all parts in coding order, or those of a step."""
        return tuple(part for part in self._scales.parts if step is None or part.step == step)

    def levels(self) -> NDArray[np.uint8]:
        """Returns the levels of the next part: uint8 ``[n, h/2, w/2]``."""
        own, context = self._scales.parts[self._part].in_latent, self._scales.context
        log_scales = self._scales.in_advance(self._part, self._features, self._quality)
        self._in_advance = levels = scale_levels(log_scales)
        if self._part:
            step, place = divmod(self._part, PARTS_OF_STEP)
            if step and not place:
                self._from_steps_before = context.from_steps_before(step, self._seen)
            np.subtract(levels, CENTRE_LEVEL, out=self._seen[own], dtype=np.float32)
            log_scales += context.correction(self._part, self._seen, self._from_steps_before)
            levels = scale_levels(log_scales)
        self._levels[own] = levels
        return levels

    def add(self, symbols: NDArray[np.int32]) -> None:
        """Takes the symbols of the part of the last call of `levels`, int32 ``[n, h/2, w/2]``."""
        own = self._scales.parts[self._part].in_latent
        self._symbols[own] = symbols
        self._part += 1
        if self._part < len(self._scales.parts):
            self._scales.context.surprise(symbols, self._in_advance, out=self._seen[own])

    def coded(self) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Returns symbols (int32) and levels (uint8) of all parts, both ``[4, M, h/2, w/2]`` in coding order."""
        shape = (4, -1, *self._levels.shape[1:])
        return self._symbols.reshape(shape), self._levels.reshape(shape)
