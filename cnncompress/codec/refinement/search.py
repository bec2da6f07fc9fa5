"""The search for a better file: refine the symbols round by round, code and decode the result, keep the best.

The decoder knows nothing of it. One-shot and repeated changes of symbols against the real rate and distortion are known
as rate-distortion-optimised quantisation (RDOQ) from video coding; that a learned decoder's gradient can direct them is
from Campos et al., "Content Adaptive Optimization for Neural Image Compression" (CVPR workshops 2019) and Yang, Bamler
and Mandt, "Improving Inference for Neural Image Compression" (NeurIPS 2020).
"""

from __future__ import annotations

import contextlib

from torch import Tensor

from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.progress import StopRefining
from cnncompress.codec.refinement.cost import RateDistortion, SymbolCosts
from cnncompress.codec.refinement.gradient import CostGradient, Surroundings, twin_of
from cnncompress.codec.refinement.levels import Effort, Round
from cnncompress.codec.refinement.steps import StepSearch
from cnncompress.codec.tile_encoder import CodedTile, TileTask, single_pass
from cnncompress.entropy.tables import ScaleTables
from cnncompress.nn.quality import lambda_at
from cnncompress.units import Hundredths


class Refiner:
    """What the search needs to know of a model. Holds no state between images; threads may share it."""

    def __init__(self, pipeline: ImagePipeline, tables: ScaleTables) -> None:
        """Prepares the costs of the symbols and the gradient of their scales.

        Args:
            pipeline: What a single pass uses.
            tables: The probability tables that its entropy coder uses.
        """
        transform = pipeline.transform
        self.pipeline = pipeline
        self.costs = SymbolCosts(tables, transform.device)
        self.scales = twin_of(transform.scales, transform.device)

    def model_lambda(self, quality: Hundredths) -> float:
        """The trade-off between rate and distortion that the model was trained for at a quality, in hundredths."""
        transform = self.pipeline.transform
        return float(lambda_at(transform.network.config.lambdas, transform.position(quality).cpu()))


class RefiningCoder:
    """Codes the tiles of one image with effort. The cost of a tile is never above that of a single pass over it.

    After a `StopRefining` the tile at hand is left at the best so far, and tiles that come later get a single pass,
    which neither looks around nor decodes what it has made.
    """

    needs_surroundings = True

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
        coded = single_pass(self._refiner.pipeline, task)
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
        self._pipeline = refiner.pipeline
        self._task = task
        self._surroundings = Surroundings(*task.surroundings())
        original, target = task.pixels(), task.target()
        self._measure = RateDistortion(refiner.model_lambda(task.quality), original)
        transform = self._pipeline.transform
        gradient = CostGradient(
            transform, refiner.scales, original, self._surroundings, task.quality, self._measure.bits_per_square
        )
        self._steps = StepSearch(gradient, refiner.costs, target)
        self._coded = transform.quantise(target, task.quality, task.size)
        self._pixels: Tensor | None = None
        self.best, self.cost = self._evaluated()

    def go_through(self, plan: Round) -> None:
        """Goes through a round, from where the last one ended."""
        target = self._steps.improve(self._coded, self._pixels, plan)
        self._coded = self._pipeline.transform.quantise(target, self._task.quality, self._task.size, dead_zones=False)
        self._pixels = None
        if plan.measured:
            found, cost = self._evaluated()
            if cost < self.cost:
                self.best, self.cost = found, cost

    def _evaluated(self) -> tuple[CodedTile, float]:
        """The tile as it is now, and what it costs: real bytes, real pixels."""
        payload = self._pipeline.pack(self._coded.latents)
        y_hat, margins = self._surroundings.around(self._coded.y_hat), self._surroundings.margins
        self._pixels = self._pipeline.transform.synthesise(y_hat, *self._task.size, self._task.quality, margins)
        return CodedTile(payload, self._coded.y_hat), self._measure.of(payload, self._pixels)
