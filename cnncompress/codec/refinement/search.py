"""The search for a better file: refine the symbols round by round, code and decode the result, keep the best.

The decoder knows nothing of it. One-shot and repeated changes of symbols against the real rate and distortion are known
as rate-distortion-optimised quantisation (RDOQ) from video coding; that a learned decoder's gradient can direct them is
from Campos et al., "Content Adaptive Optimization for Neural Image Compression" (CVPR workshops 2019) and Yang, Bamler
and Mandt, "Improving Inference for Neural Image Compression" (NeurIPS 2020).
"""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.progress import StopRefining
from cnncompress.codec.refinement.cost import RateDistortion, SymbolCosts
from cnncompress.codec.refinement.distortion import Distortion, ImageDistortion
from cnncompress.codec.refinement.gradient import DistortionGradient, Surroundings, luma_shares
from cnncompress.codec.refinement.levels import Effort, Round
from cnncompress.codec.refinement.steps import StepSearch
from cnncompress.codec.tile_encoder import CodedTile, TileTask
from cnncompress.model.weights import Weights
from cnncompress.units import HIGHEST_QUALITY, Hundredths


class Refiner:
    """What the search needs to know of a model. Holds no state between images; threads may share it.

    Attributes:
        pipeline: What a single pass uses.
        costs: Of the symbols.
        luma_shares: Of the linear path, see `cnncompress.codec.refinement.gradient.luma_shares`.
    """

    def __init__(self, pipeline: ImagePipeline, weights: Weights) -> None:
        """Prepares the costs of the symbols.

        Args:
            pipeline: What a single pass uses.
            weights: The model.
        """
        self.pipeline = pipeline
        self.costs = SymbolCosts(weights.tables)
        self.luma_shares = luma_shares(weights.network["g_s.klt"])
        self._weights = weights

    def model_lambda(self, quality: Hundredths) -> float:
        """The trade-off between rate and distortion that the model was trained for at a quality, in hundredths."""
        logs = np.log(self._weights.config.lambdas)
        return float(np.exp(np.interp(quality / HIGHEST_QUALITY * (len(logs) - 1), np.arange(len(logs)), logs)))

    def measure(self, original: NDArray[np.uint8], quality: Hundredths) -> RateDistortion:
        """The cost of files of an image, uint8 ``[H, W, 3]``: the loss that the model was trained for."""
        return RateDistortion(self.model_lambda(quality), Distortion(original, self._weights.similarity_share))


class RefiningCoder:
    """Codes the tiles of one image with effort. The cost of a tile is never above that of a single pass over it.

    After a `StopRefining` the tile at hand is left at the best so far, and tiles that come later get a single pass,
    which neither looks around nor decodes what it has made.
    """

    def __init__(self, refiner: Refiner, effort: Effort) -> None:
        """Remembers what to do.

        Args:
            refiner: Of the model.
            effort: The rounds to go through.
        """
        self.steps = 1 + len(effort.rounds)
        self._refiner = refiner
        self._effort = effort
        self._stopped = False

    def __call__(self, task: TileTask) -> CodedTile:
        """Codes a tile."""
        if not self._stopped:
            return self._refined(task)
        coded = task.single_pass()
        with contextlib.suppress(StopRefining):  # the callback may raise again for later tiles
            task.report(self.steps)
        return coded

    def _refined(self, task: TileTask) -> CodedTile:
        search = TileSearch(self._refiner, task)
        try:
            task.report(1)
            for done, plan in enumerate(self._effort.rounds, start=1):
                search.go_through(plan)
                task.report(1 + done)
        except StopRefining:
            self._stopped = True
        return search.best


class TileSearch:
    """The search on one tile, and the best that it has found."""

    def __init__(self, refiner: Refiner, task: TileTask) -> None:
        """Starts with a single pass.

        Args:
            refiner: Of the model.
            task: The tile.
        """
        self._refiner = refiner
        self._task = task
        self._transform = refiner.pipeline.transform
        self._surroundings = Surroundings(*task.surroundings())
        self._measure = refiner.measure(task.pixels(), task.quality)
        self._gradient = DistortionGradient(self._transform.engine, refiner.luma_shares, self._measure, task.quality)
        unrounded = task.unrounded()
        self._steps = StepSearch(self._transform.engine, refiner.costs, self._gradient.curvature(), unrounded)
        self._coded = self._transform.quantise(unrounded, task.quality)
        self._measured: ImageDistortion | None = None
        self.best, self.cost = self._evaluated()

    def go_through(self, plan: Round) -> None:
        """Goes through a round, from where the last one ended."""
        unrounded = self._steps.improve(self._coded, self._gradient(self._coded, self._distortion()), plan)
        self._coded = self._transform.quantise(unrounded, self._task.quality, dead_zones=False)
        self._measured = None
        if plan.measured:
            found, cost = self._evaluated()
            if cost < self.cost:
                self.best, self.cost = found, cost

    def _evaluated(self) -> tuple[CodedTile, float]:
        """The tile as it is now, and what it costs: real bytes, real pixels."""
        (latents,) = self._coded.latents
        payload = self._refiner.pipeline.pack(latents)
        return CodedTile(payload, self._coded.y_hat), self._measure.of(payload, self._distortion())

    def _distortion(self) -> ImageDistortion:
        """That of what a decoder makes of the tile as it is now."""
        if self._measured is None:
            y_hat = self._surroundings.around(self._coded.y_hat, self._transform.engine)
            margins = self._surroundings.margins
            (pixels,) = self._transform.synthesise(y_hat, *self._task.size, self._task.quality, margins)
            self._measured = self._measure.distortion.of(pixels)
        return self._measured
