"""Which symbols to move by one, and the target that moves them.

This is rate-distortion-optimised quantisation, with the rate of the stored tables and the distortion from its gradient
and curvature: a step ``d`` of a symbol changes the cost by about

    gradient * d + curvature * d^2 + bits(symbol + d) - bits(symbol) + gradient of surprise * surprise gained

where the gradients tell, apart from the distortion, what the step does to the means and scales of all that is coded
after it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cnncompress.codec.latents import Quantised, RealLatents
from cnncompress.codec.refinement.cost import SymbolCosts
from cnncompress.codec.refinement.gradient import CostGradient, RateSlopes
from cnncompress.codec.refinement.levels import Round

SMALLEST_GAIN = 0.05
"""Bits that a step must promise."""

HYPER_CURVATURE = 30.0
"""Bits that a step of the hyper-latent costs beyond what the gradient tells: it moves many means and scales."""

HYPER_SHARE = 0.5
"""Share of the promising steps of the hyper-latent that are taken at once, since each is felt far around."""

HOLD = 0.4
"""How far at most a target stays from its symbol. At a half or more the next walk, whose means differ a little, would
round to another symbol; at zero it could follow no change of the means."""


class StepSearch:
    """Finds steps for one image at one quality."""

    def __init__(self, gradient: CostGradient, costs: SymbolCosts, original: RealLatents) -> None:
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
    def improve(self, coded: Quantised, pixels: Tensor | None, plan: Round) -> RealLatents:
        """Makes a target whose symbols cost less, or so it seems.

        Args:
            coded: The symbols so far.
            pixels: uint8 ``[H, W, 3]``, what a decoder makes of them; None if that is not known.
            plan: Which steps to take.

        Returns:
            A target to be rounded without dead zones.
        """
        device = coded.means.device
        symbols = coded.latents.y.to(device)
        levels = coded.latents.y_levels.to(device)
        bits = self._costs.steps(symbols, levels)
        slopes = None
        if not plan.linear:
            slopes = RateSlopes(0.5 * (bits.up - bits.down), self._costs.widening(symbols, levels))
        gradients = self._gradient(coded, pixels, linear=plan.linear, slopes=slopes)
        curvature = plan.curvature_scale * self._curvature * coded.deltas.square()
        known = torch.log1p(symbols.abs())
        gained_below, gained_above = (torch.log1p((symbols + step).abs()) - known for step in (-1, 1))
        lowered = curvature + bits.down - gradients.y + gradients.surprise * gained_below
        raised = curvature + bits.up + gradients.y + gradients.surprise * gained_above
        decoded = coded.means + coded.deltas * (symbols + self._choose(lowered, raised, plan.share))
        hold = HOLD * coded.deltas
        y = decoded + (self._original.y - decoded).clamp(-hold, hold)
        z = coded.latents.z.to(device)[None].float()
        if not plan.linear:
            z = z + self._hyper_steps(coded, gradients.z)
        return RealLatents(y, z)

    def _hyper_steps(self, coded: Quantised, gradient: Tensor) -> Tensor:
        symbols = coded.latents.z.to(gradient.device)[None]
        levels = coded.latents.z_levels.to(gradient.device)[None]
        bits = self._costs.steps(symbols, levels)
        lowered = HYPER_CURVATURE + bits.down - gradient
        raised = HYPER_CURVATURE + bits.up + gradient
        return self._choose(lowered, raised, HYPER_SHARE)

    def _choose(self, lowered: Tensor, raised: Tensor, share: float) -> Tensor:
        """Steps, -1, 0 or 1, from what each way would add to the cost."""
        steps = torch.where(raised < lowered, 1, -1) * (torch.minimum(raised, lowered) < -SMALLEST_GAIN)
        if share < 1.0:
            steps = steps * (torch.rand(steps.shape, generator=self._random) < share).to(steps.device)
        return steps
