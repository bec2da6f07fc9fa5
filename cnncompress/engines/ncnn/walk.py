"""The four coding steps of latents (`cnncompress.engines.interface.ContextWalk`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.ncnn.context import MeanContext
from cnncompress.engines.ncnn.mats import FeatureMap, Floats, as_batch
from cnncompress.engines.partition import Partition
from cnncompress.entropy.parts import STEPS
from cnncompress.model.config import MAX_LOG_DELTA
from cnncompress.units import Hundredths


class Walk:
    """The coding steps of one latent."""

    def __init__(
        self,
        context: MeanContext,
        partition: Partition,
        start: tuple[Floats, Floats],
        normaliser: Floats,
        quality: Hundredths,
    ) -> None:
        """Predicts the first step.

        Args:
            context: The networks.
            partition: Coding order of the elements.
            start: Result of `HyperSynthesis`.
            normaliser: float32 ``[M]``.
            quality: Quality of the file.
        """
        features, log_deltas = start
        self._context = context
        self._partition = partition
        self._normaliser = normaliser
        self._quality = quality
        self._deltas = np.exp(np.clip(log_deltas, -MAX_LOG_DELTA, MAX_LOG_DELTA))
        self._inverse_normaliser = np.reciprocal(normaliser)[:, None, None]
        channels, size = len(normaliser), features.shape[1:]
        self._known = FeatureMap.lasting(len(features) + (STEPS - 1) * channels, *size)
        self._known.elements[: len(features)] = features
        self._seen = len(features)
        self._means: list[Floats] = []
        self._decoded = np.empty((STEPS, channels, *size), np.float32)
        self._predict()

    @property
    def step(self) -> int:
        """Number of the current step."""
        return len(self._means) - 1

    def residual(self, latent: Floats) -> Floats:
        """Returns ``(latent - mean) / step size`` for the current step of a latent ``[4, M, h/2, w/2]``."""
        residual: Floats = latent[self.step] - self._means[self.step]
        residual /= self._delta
        return residual

    def decode(self, symbols: NDArray[np.int32]) -> None:
        """Decodes the current step from its symbols ``[M, h/2, w/2]``, and moves to the next step."""
        decoded = self._decoded[self.step]
        decoded[...] = symbols
        decoded *= self._delta
        decoded += self._means[self.step]
        if self.step < STEPS - 1:
            stop = self._seen + len(decoded)
            np.multiply(decoded, self._inverse_normaliser, out=self._known.elements[self._seen : stop])
            self._seen = stop
            self._predict()

    def latent(self) -> Floats:
        """The decoded latent ``[M, h, w]``."""
        return self._partition.merge(self._decoded)

    def means(self) -> Floats:
        """Means of all steps, ``[4, M, h/2, w/2]``."""
        return np.stack(self._means)

    def deltas(self) -> Floats:
        """Quantisation step sizes of all coding steps, ``[4, M, h/2, w/2]``."""
        return np.stack([self._deltas_of(step) for step in range(STEPS)])

    def _predict(self) -> None:
        step = len(self._means)
        known = self._known.first(self._seen)
        self._means.append(self._context.means(step, known, self._normaliser, self._quality))
        self._delta = self._deltas_of(step)

    def _deltas_of(self, step: int) -> Floats:
        return self._deltas.take(self._partition.delta_rows[step], axis=0)


class BatchWalk:
    """The coding steps of a batch; latents are processed one by one."""

    def __init__(self, walks: Sequence[Walk]) -> None:
        """Takes the walks of single latents, all at the first step."""
        self._walks = walks

    def residuals(self, latent: Floats) -> Floats:
        """Residuals of the current step, in units of the step size."""
        return as_batch(walk.residual(own) for walk, own in zip(self._walks, latent, strict=True))

    def decode(self, symbols: NDArray[np.int32]) -> None:
        """Decodes the current step from its symbols, and moves to the next step."""
        for walk, own in zip(self._walks, symbols, strict=True):
            walk.decode(own)

    def latent(self) -> Floats:
        """The decoded latent."""
        return as_batch(walk.latent() for walk in self._walks)

    def means(self) -> Floats:
        """Means of all steps."""
        return as_batch(walk.means() for walk in self._walks)

    def deltas(self) -> Floats:
        """Quantisation step sizes of all coding steps."""
        return as_batch(walk.deltas() for walk in self._walks)
