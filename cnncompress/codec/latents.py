"""Maps pixels to integer latents and back: everything between the image and the entropy coder."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.beside import Beside
from cnncompress.codec.stages import NoStopwatch, Stopwatch
from cnncompress.engines.interface import ContextWalk, Engine, Latent
from cnncompress.entropy.coder import MAX_SYMBOL
from cnncompress.entropy.dead_zone import round_with_dead_zone, widenings
from cnncompress.entropy.parts import STEPS
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.entropy.scales import MAX_HYPER_SYMBOL, IntegerScales
from cnncompress.errors import InvalidModel
from cnncompress.model.config import HYPER_STRIDE, PATCH
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margins, padded_size
from cnncompress.units import Hundredths

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Latents:
    """The symbols of one image or tile, and the probability table of each.

    Attributes:
        z: int32 ``[N, h/4, w/4]``, symbols of the hyper-latent, magnitudes up to 1023.
        z_levels: uint8 of the same shape, scale levels.
        y: int32 ``[4, M, h/2, w/2]``, symbols of the latent in coding order (`Engine.split`).
        y_levels: uint8 of the same shape, scale levels.
    """

    z: NDArray[np.int32]
    z_levels: NDArray[np.uint8]
    y: NDArray[np.int32]
    y_levels: NDArray[np.uint8]


@dataclass(frozen=True)
class UnroundedLatents:
    """Latents and hyper-latents of a batch before rounding.

    Attributes:
        y: ``[B, 4, M, h/2, w/2]``, the engine's array: latent in coding order, in units of the base step, 1 / gain.
        z: float32 ``[B, N, h/4, w/4]``, hyper-latent.
    """

    y: Latent
    z: Floats


@dataclass(frozen=True)
class Quantised:
    """Symbols of a batch, and the coding steps as their decoder computes them.

    Attributes:
        latents: Symbols of each image of the batch.
        walk: The coding steps, after the last one.
    """

    latents: tuple[Latents, ...]
    walk: ContextWalk

    @property
    def y_hat(self) -> Latent:
        """Decoded latents, ``[B, M, h, w]``, the engine's array."""
        return self.walk.latent()


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Returns rows and columns of the latent of an image, both multiples of 4."""
    padded_height, padded_width = padded_size(height, width, HYPER_STRIDE)
    return padded_height // PATCH, padded_width // PATCH


def _check_finite(x: Floats) -> None:
    if not np.isfinite(x).all():
        raise InvalidModel("the model's networks give no finite numbers for this image")


def _extended(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    _, height, width, _ = pixels.shape
    padded_height, padded_width = padded_size(height, width, HYPER_STRIDE)
    if (padded_height, padded_width) == (height, width):
        return pixels
    return np.pad(pixels, ((0, 0), (0, padded_height - height), (0, padded_width - width), (0, 0)), mode="edge")


class _Rounding:
    """Rounds the residuals of one image to symbols, part by part."""

    def __init__(self, walk: ScaleWalk, widenings: Floats | None) -> None:
        self.walk = walk
        self._widenings = widenings

    def first_levels(self) -> NDArray[np.uint8]:
        """Scale levels of the current step's first part, which depend on earlier steps alone."""
        return self.walk.levels()

    def symbols(self, residuals: Floats, first_levels: Future[NDArray[np.uint8]], step: int) -> NDArray[np.int32]:
        """Returns the symbols of a step; the symbols of each part determine the scale levels of the next."""
        symbols = np.empty(residuals.shape, np.int32)
        for number, part in enumerate(self.walk.parts(step)):
            levels = self.walk.levels() if number else first_levels.result()
            widening = 0.0 if self._widenings is None else self._widenings[levels]
            symbols[part.in_step] = round_with_dead_zone(residuals[part.in_step], widening, MAX_SYMBOL)
            self.walk.add(symbols[part.in_step])
        return symbols


class LatentTransform:
    """The networks of a model. Holds no state between calls; threads may share it."""

    def __init__(self, engine: Engine, scales: IntegerScales, stopwatch: Stopwatch | None = None) -> None:
        """Connects the float networks with the integer networks.

        Args:
            engine: Engine of the float networks.
            scales: Integer scale networks.
            stopwatch: Measures the stages "analysis", "hyper", "scales", "context" and "synthesis".
        """
        self.engine = engine
        self.scales = scales
        self.stopwatch = stopwatch or NoStopwatch()
        self._widenings = widenings()

    def analyse(
        self, pixels: NDArray[np.uint8], quality: Hundredths, margins: Margins = WHOLE_IMAGE
    ) -> UnroundedLatents:
        """Maps images of one size, or tiles, to their latents before rounding.

        Args:
            pixels: uint8 ``[B, H, W, 3]``, RGB. Images are extended to multiples of 64 by repeating their last row and
                column. Windows of tiles must have such sides without their margins.
            quality: Quality of the files.
            margins: Margins of windows in pixels.
        """
        whole = _extended(pixels) if margins == WHOLE_IMAGE else pixels
        with self.stopwatch.stage("analysis"):
            y = self.engine.analyse(whole, quality, margins)
        return self._unrounded(y, quality)

    def at_other_quality(
        self, unrounded: UnroundedLatents, analysed_at: Hundredths, quality: Hundredths
    ) -> UnroundedLatents:
        """Rescales what `analyse` returned by the ratio of two qualities' gains, instead of analysing again.

        Args:
            unrounded: Result of `analyse`.
            analysed_at: Quality of that call.
            quality: The other quality.
        """
        y = self.engine.at_other_quality(self.engine.merge(unrounded.y), analysed_at, quality)
        return self._unrounded(y, quality)

    def _unrounded(self, y: Latent, quality: Hundredths) -> UnroundedLatents:
        with self.stopwatch.stage("hyper"):
            return UnroundedLatents(self.engine.split(y), self.engine.hyper_analyse(y, quality))

    def quantise(self, unrounded: UnroundedLatents, quality: Hundredths, *, dead_zones: bool = True) -> Quantised:
        """Rounds latents to symbols, step by step: the means of a step depend on the symbols of earlier steps.

        Args:
            unrounded: Result of `analyse`, or a refined one.
            quality: Quality of the files.
            dead_zones: Whether to round toward zero if a symbol is expensive. Otherwise rounds to the nearest integer.

        Raises:
            InvalidModel: The networks overflow; only those of an unusual model can.
        """
        stage = self.stopwatch.stage
        _check_finite(unrounded.z)
        z = np.floor(unrounded.z + np.float32(0.5)).clip(-MAX_HYPER_SYMBOL, MAX_HYPER_SYMBOL).astype(np.int32)
        widenings = self._widenings if dead_zones else None
        with self.beside(len(z)) as beside:
            images = [_Rounding(ScaleWalk(self.scales, each, quality), widenings) for each in z]
            with stage("scales"):
                levels = [beside.start(image.first_levels) for image in images]
            with stage("context"):
                walk = self.engine.walk(z, quality)
            for step in range(STEPS):
                with stage("context"):
                    residuals = walk.residuals(unrounded.y)
                _check_finite(residuals)
                with stage("scales"):
                    symbols = beside.map(partial(_Rounding.symbols, step=step), images, residuals, levels)
                    if step < STEPS - 1:
                        levels = [beside.start(image.first_levels) for image in images]
                with stage("context"):
                    walk.decode(np.stack(symbols))
        z_levels = self.hyper_levels(quality, *z.shape[2:])
        return Quantised(
            tuple(Latents(each, z_levels, *image.walk.coded()) for each, image in zip(z, images, strict=True)), walk
        )

    def beside(self, images: int) -> Beside:
        """Returns threads that compute the integer networks of a number of images while the engine works.

        There are none if the engine has one thread, or if a stopwatch measures stages.
        """
        alone = self.engine.threads == 1 or not isinstance(self.stopwatch, NoStopwatch)
        return Beside(0 if alone else min(images, self.engine.threads))

    def encode(self, pixels: NDArray[np.uint8], quality: Hundredths) -> Latents:
        """Maps an image, uint8 ``[H, W, 3]``, to its symbols."""
        (latents,) = self.quantise(self.analyse(pixels[None], quality), quality).latents
        return latents

    def synthesise(
        self, y_hat: Latent, height: int, width: int, quality: Hundredths, margins: Margins = WHOLE_IMAGE
    ) -> NDArray[np.uint8]:
        """Maps decoded latents to images.

        Args:
            y_hat: ``[B, M, h, w]``, the engine's array: images or windows of tiles.
            height: Rows of an image or tile.
            width: Columns of an image or tile.
            quality: Quality of the files.
            margins: Margins of windows in latent positions.

        Returns:
            uint8 ``[B, height, width, 3]``, RGB.
        """
        with self.stopwatch.stage("synthesis"):
            pixels: NDArray[np.uint8] = self.engine.synthesise(y_hat, quality, margins)[:, :height, :width]
            return pixels

    def preview(self, y_hat: Latent, factor: int, quality: Hundredths) -> NDArray[np.uint8]:
        """Maps decoded latents to small images, without convolutions; docs/LARGE.md has their quality.

        Args:
            y_hat: ``[B, M, h, w]``, the engine's array.
            factor: Reduction of each side; divides 16.
            quality: Quality of the files.

        Returns:
            uint8 ``[B, 16h / factor, 16w / factor, 3]``, RGB.
        """
        with self.stopwatch.stage("synthesis"):
            return self.engine.preview(y_hat, factor, quality)

    def hyper_levels(self, quality: Hundredths, rows: int, columns: int) -> NDArray[np.uint8]:
        """Returns the scale level of every symbol of a hyper-latent: uint8 ``[N, rows, columns]``."""
        levels = self.scales.hyper_levels(quality)
        return np.broadcast_to(levels[:, None, None], (len(levels), rows, columns))
