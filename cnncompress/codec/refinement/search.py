"""The search for a better file: refine the symbols round by round, code and decode the result, keep the best.

The decoder knows nothing of it. One-shot and repeated changes of symbols against the real rate and distortion are known
as rate-distortion-optimised quantisation (RDOQ) from video coding; that a learned decoder's gradient can direct them is
from Campos et al., "Content Adaptive Optimization for Neural Image Compression" (CVPR workshops 2019) and Yang, Bamler
and Mandt, "Improving Inference for Neural Image Compression" (NeurIPS 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from cnncompress.codec.effort import Effort
from cnncompress.codec.latents import Quantised
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.refinement.cost import RateDistortion, SymbolCosts
from cnncompress.codec.refinement.gradient import CostGradient, twin_of
from cnncompress.codec.refinement.steps import StepSearch
from cnncompress.codec.tables import ScaleTables
from cnncompress.nn.quality import lambda_at

Progress: TypeAlias = Callable[[int, int], bool]
"""Called with the rounds done and their total after each; False ends the search."""


def never_stop(done: int, total: int) -> bool:
    """The progress of a search that nobody watches."""
    return True


class Refiner:
    """Codes images with effort. Holds no state between calls; threads may share it."""

    def __init__(self, pipeline: ImagePipeline, tables: ScaleTables) -> None:
        """Prepares the costs of the symbols.

        Args:
            pipeline: What a single pass uses.
            tables: The probability tables that its entropy coder uses.
        """
        self._pipeline = pipeline
        transform = pipeline.transform
        self._costs = SymbolCosts(tables, transform.device)
        self._scales = twin_of(transform.scales, transform.network.config, transform.device)

    def model_lambda(self, quality: int) -> float:
        """The trade-off between rate and distortion that the model was trained for at a quality, in hundredths."""
        transform = self._pipeline.transform
        return float(lambda_at(transform.network.config.lambdas, transform.position(quality).cpu()))

    def encode(
        self,
        pixels: NDArray[np.uint8],
        quality: int,
        effort: Effort,
        *,
        lmbda: float | None = None,
        progress: Progress = never_stop,
    ) -> bytes:
        """Codes an image.

        Args:
            pixels: uint8 ``[H, W, 3]``, RGB.
            quality: Hundredths, 0 .. 10000.
            effort: The rounds to go through.
            lmbda: Trade-off between rate and distortion; by default the model's at this quality.
            progress: Called after each round.

        Returns:
            Payload of a latent chunk. Its cost at that trade-off is never above that of a single pass.
        """
        transform = self._pipeline.transform
        original = torch.tensor(pixels)
        size = (original.shape[0], original.shape[1])
        measure = RateDistortion(self.model_lambda(quality) if lmbda is None else lmbda, original)
        target = transform.analyse(original, quality)
        coded = transform.quantise(target, quality, size)

        def evaluate(coded: Quantised) -> tuple[float, bytes]:
            payload = self._pipeline.pack(coded.latents)
            return measure.of(payload, transform.synthesise(coded.y_hat, *size, quality)), payload

        best_cost, best = evaluate(coded)
        gradient = CostGradient(transform, self._scales, original, quality, measure.bits_per_square)
        search = StepSearch(gradient, self._costs, target)
        for done, plan in enumerate(effort.rounds(), start=1):
            coded = transform.quantise(search.improve(coded, plan), quality, size, dead_zones=False)
            if plan.measured:
                cost, payload = evaluate(coded)
                if cost < best_cost:
                    best_cost, best = cost, payload
            if not progress(done, effort.total):
                break
        return best
