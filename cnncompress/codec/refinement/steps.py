"""Which symbols to move by one, and the latents that round to that.

This is rate-distortion-optimised quantisation, with the rate of the stored tables and the distortion from its gradient
and curvature: a step ``d`` of a symbol changes the cost by about

    gradient * d + curvature * d^2 + bits(symbol + d) - bits(symbol)

What it does to the means and scales of all that is coded after it is not foreseen. The next rounding sees it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import Quantised, UnroundedLatents
from cnncompress.codec.refinement.cost import Floats, SymbolCosts
from cnncompress.codec.refinement.levels import Round
from cnncompress.engines.interface import Engine

SMALLEST_GAIN = np.float32(0.05)
"""Bits that a step must promise."""

HOLD = np.float32(0.4)
"""How far at most an element stays from its symbol. At a half or more the next walk, whose means differ a little, would
round to another symbol; at zero it could follow no change of the means."""


class StepSearch:
    """Finds steps for one image at one quality."""

    def __init__(self, engine: Engine, costs: SymbolCosts, curvature: Floats, original: UnroundedLatents) -> None:
        """Starts the random numbers, the same ones for every image.

        Args:
            engine: That of the latents.
            costs: Of the symbols.
            curvature: From `DistortionGradient.curvature`.
            original: What the analysis transform made of the image.
        """
        self._engine = engine
        self._costs = costs
        self._curvature = curvature
        self._original: Floats = engine.fetched(original.y)[0]
        self._random = np.random.default_rng(0)

    def improve(self, coded: Quantised, gradient: Floats, plan: Round) -> UnroundedLatents:
        """Makes latents whose symbols cost less, or so it seems.

        Args:
            coded: The symbols so far, of one image.
            gradient: Of their distortion, from `DistortionGradient`.
            plan: Which steps to take.

        Returns:
            Latents to be rounded without dead zones.
        """
        (latents,) = coded.latents
        symbols = latents.y
        means, deltas = (self._engine.fetched(of_walk)[0] for of_walk in (coded.walk.means(), coded.walk.deltas()))
        bits = self._costs.steps(symbols, latents.y_levels)
        curvature = np.float32(plan.curvature_scale) * self._curvature * np.square(deltas)
        lowered, raised = curvature + bits.down - gradient, curvature + bits.up + gradient
        decoded = means + deltas * (symbols + self._choose(lowered, raised, plan.share)).astype(np.float32)
        hold = HOLD * deltas
        y = decoded + np.clip(self._original - decoded, -hold, hold)
        return UnroundedLatents(self._engine.placed(y[None]), latents.z[None].astype(np.float32))

    def _choose(self, lowered: Floats, raised: Floats, share: float) -> NDArray[np.int8]:
        """Steps, -1, 0 or 1, from what each way would add to the cost."""
        steps = np.where(raised < lowered, np.int8(1), np.int8(-1))
        steps *= np.minimum(raised, lowered) < -SMALLEST_GAIN
        if share < 1.0:
            steps *= self._random.random(steps.shape, np.float32) < share
        return steps
