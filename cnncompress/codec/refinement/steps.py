"""Which symbols to move by one, and the target that moves them.

This is rate-distortion-optimised quantisation, with the rate of the stored tables and the distortion from its gradient
and curvature: a step ``d`` changes the cost by about ``gradient * d + curvature * d^2 + bits(symbol + d) - bits(symbol)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cnncompress.codec.effort import Round
from cnncompress.codec.latents import Quantised, Target
from cnncompress.codec.refinement.cost import SymbolCosts
from cnncompress.codec.refinement.gradient import CostGradient, Slopes

SMALLEST_GAIN = 0.05
"""Bits that a step must promise."""

ZC = 20.0
ZS = 0.5
HOLD = 0.4
"""How far at most a target stays from its symbol. At a half or more the next walk, whose means differ a little, would
round to another symbol; at zero it could follow no change of the means."""


class StepSearch:
    """Finds steps for one image at one quality."""

    def __init__(self, gradient: CostGradient, costs: SymbolCosts, original: Target) -> None:
        """Starts the random numbers, the same ones for every image.

        Args:
            gradient: Of the cost.
            costs: Of the symbols.
            original: What the analysis transform made of the image.
        """
        self._gradient = gradient
        self._curvature = gradient.curvature()
        self._costs = costs
        self._original = original
        self._random = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def improve(self, coded: Quantised, plan: Round) -> Target:
        """Makes a target whose symbols cost less, or so it seems.

        Args:
            coded: The symbols so far.
            plan: Which steps to take.

        Returns:
            A target to be rounded without dead zones.
        """
        device = coded.means.device
        symbols = coded.latents.y.to(device)
        levels = coded.latents.y_levels.to(device)
        down, here, up = (self._costs.bits(symbols + step, levels) for step in (-1, 0, 1))
        slopes = None
        if plan.through_context:
            lower, higher = (self._costs.bits(symbols, levels.int() + step) for step in (-1, 1))
            slopes = Slopes(0.5 * (up - down), 0.5 * (higher - lower))
        gradients = self._gradient(coded, slopes)
        curvature = plan.caution * self._curvature
        steps = self._choose(curvature + down - here - gradients.y, curvature + up - here + gradients.y, plan.share)
        decoded = coded.means + symbols + steps
        y = decoded + (self._original.y - decoded).clamp(-HOLD, HOLD)
        z = coded.latents.z.to(device)
        if gradients.z is not None:
            levels = coded.latents.z_levels.to(device)
            down, here, up = (self._costs.bits(z + step, levels) for step in (-1, 0, 1))
            g = gradients.z[0]
            z = z + self._choose(ZC + down - here - g, ZC + up - here + g, ZS)
        return Target(y, z.float()[None])

    def _choose(self, lowered: Tensor, raised: Tensor, share: float) -> Tensor:
        steps = torch.where(raised < lowered, 1, -1) * (torch.minimum(raised, lowered) < -SMALLEST_GAIN)
        if share < 1.0:
            steps = steps * (torch.rand(steps.shape, generator=self._random) < share).to(steps.device)
        return steps
