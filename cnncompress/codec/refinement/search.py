"""The search for a better file: refines symbols round by round, encodes and decodes the result, keeps the best.

Decoders are not affected. Video encoders change symbols by the real rate and distortion in the same way
(rate-distortion-optimised quantisation, RDOQ). Using the gradient of a learned decoder for that is from Campos et al.,
"Content Adaptive Optimization for Neural Image Compression" (CVPR workshops 2019) and Yang, Bamler and Mandt,
"Improving Inference for Neural Image Compression" (NeurIPS 2020).
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
    """The data of a model that the search needs. Holds no state between images; threads may share it.

    Attributes:
        pipeline: Pipeline of the model.
        costs: Costs of symbols.
        luma_shares: Shares of the linear path, see `cnncompress.codec.refinement.gradient.luma_shares`.
    """

    def __init__(self, pipeline: ImagePipeline, weights: Weights) -> None:
        """Computes the costs of symbols.

        Args:
            pipeline: Pipeline of the model.
            weights: The model.
        """
        self.pipeline = pipeline
        self.costs = SymbolCosts(weights.tables)
        self.luma_shares = luma_shares(weights.network["g_s.klt"])
        self._weights = weights

    def model_lambda(self, quality: Hundredths) -> float:
        """Returns the lambda that the model was trained with at a quality."""
        logs = np.log(self._weights.config.lambdas)
        return float(np.exp(np.interp(quality / HIGHEST_QUALITY * (len(logs) - 1), np.arange(len(logs)), logs)))

    def measure(self, original: NDArray[np.uint8], quality: Hundredths) -> RateDistortion:
        """Returns the cost function of an image, uint8 ``[H, W, 3]``: the loss that the model was trained with."""
        return RateDistortion(self.model_lambda(quality), Distortion(original, self._weights.similarity_share))


class RefiningCoder:
    """Encodes the tiles of one image with effort. The cost of a tile is never higher than after a single pass.

    After a `StopRefining` the current tile keeps its best result so far. Later tiles get a single pass, without
    surroundings and without decoding the result.
    """

    def __init__(self, refiner: Refiner, effort: Effort) -> None:
        """Encodes nothing yet.

        Args:
            refiner: Refiner of the model.
            effort: Rounds of the search.
        """
        self.steps = 1 + len(effort.rounds)
        self._refiner = refiner
        self._effort = effort
        self._stopped = False

    def __call__(self, task: TileTask) -> CodedTile:
        """Encodes a tile."""
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
    """The search on one tile, with its best result so far."""

    def __init__(self, refiner: Refiner, task: TileTask) -> None:
        """Starts with a single pass.

        Args:
            refiner: Refiner of the model.
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
        """Runs a round on the result of the last one."""
        unrounded = self._steps.improve(self._coded, self._gradient(self._coded, self._distortion()), plan)
        self._coded = self._transform.quantise(unrounded, self._task.quality, dead_zones=False)
        self._measured = None
        if plan.measured:
            found, cost = self._evaluated()
            if cost < self.cost:
                self.best, self.cost = found, cost

    def _evaluated(self) -> tuple[CodedTile, float]:
        """Returns the current tile and its cost, from real bytes and real pixels."""
        (latents,) = self._coded.latents
        payload = self._refiner.pipeline.pack(latents)
        return CodedTile(payload, self._coded.y_hat), self._measure.of(payload, self._distortion())

    def _distortion(self) -> ImageDistortion:
        """Returns the distortion of the decoded current tile."""
        if self._measured is None:
            y_hat = self._surroundings.around(self._coded.y_hat, self._transform.engine)
            margins = self._surroundings.margins
            (pixels,) = self._transform.synthesise(y_hat, *self._task.size, self._task.quality, margins)
            self._measured = self._measure.distortion.of(pixels)
        return self._measured
