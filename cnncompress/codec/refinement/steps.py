"""Chooses symbols to change by one, and latents that round to the result.

This is rate-distortion-optimised quantisation. The rate comes from the stored tables, the distortion from its gradient
and curvature. A step ``d`` of a symbol changes the cost by about

    gradient * d + curvature * d^2 + bits(symbol + d) - bits(symbol)

This ignores the effect on the means and scales of later symbols; the next rounding takes it into account.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import Quantised, UnroundedLatents
from cnncompress.codec.refinement.cost import Floats, SymbolCosts
from cnncompress.codec.refinement.levels import Round
from cnncompress.engines.interface import Engine

SMALLEST_GAIN = np.float32(0.05)
"""Smallest expected gain of a step, in bits."""

HOLD = np.float32(0.4)
"""Largest distance of an element from its symbol, in steps. With a half or more, the next rounding would give another
symbol, since its means differ slightly. With zero, elements could not follow a change of the means."""


class StepSearch:
    """Finds steps for one image at one quality."""

    def __init__(self, engine: Engine, costs: SymbolCosts, curvature: Floats, original: UnroundedLatents) -> None:
        """Seeds the random numbers, with the same seed for every image.

        Args:
            engine: Engine of the latents.
            costs: Costs of symbols.
            curvature: Result of `DistortionGradient.curvature`.
            original: Latents of the image from the analysis transform.
        """
        self._engine = engine
        self._costs = costs
        self._curvature = curvature
        self._original: Floats = engine.to_numpy(original.y)[0]
        self._random = np.random.default_rng(0)

    def improve(self, coded: Quantised, gradient: Floats, plan: Round) -> UnroundedLatents:
        """Returns latents whose symbols have a lower expected cost.

        Args:
            coded: Current symbols of one image.
            gradient: Gradient of their distortion, from `DistortionGradient`.
            plan: The round.

        Returns:
            Latents to round without dead zones.
        """
        (latents,) = coded.latents
        symbols = latents.y
        means, deltas = (self._engine.to_numpy(of_walk)[0] for of_walk in (coded.walk.means(), coded.walk.deltas()))
        bits = self._costs.steps(symbols, latents.y_levels)
        curvature = np.float32(plan.curvature_scale) * self._curvature * np.square(deltas)
        lowered, raised = curvature + bits.down - gradient, curvature + bits.up + gradient
        decoded = means + deltas * (symbols + self._choose(lowered, raised, plan.share)).astype(np.float32)
        hold = HOLD * deltas
        y = decoded + np.clip(self._original - decoded, -hold, hold)
        return UnroundedLatents(self._engine.from_numpy(y[None]), latents.z[None].astype(np.float32))

    def _choose(self, lowered: Floats, raised: Floats, share: float) -> NDArray[np.int8]:
        """Chooses steps, -1, 0 or 1, from the change of the cost in each direction."""
        steps = np.where(raised < lowered, np.int8(1), np.int8(-1))
        steps *= np.minimum(raised, lowered) < -SMALLEST_GAIN
        if share < 1.0:
            steps *= self._random.random(steps.shape, np.float32) < share
        return steps
