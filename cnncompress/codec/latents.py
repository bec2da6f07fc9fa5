"""Pixels to integer latents and back: everything between the image and the entropy coder."""

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
    """The integers that a file holds for one image, and the probability table of each.

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
    """Symbols, and the way that their decoder goes as well.

    Attributes:
        latents: The symbols of each image of the batch.
        walk: Behind the last step.
    """

    latents: tuple[Latents, ...]
    walk: ContextWalk

    @property
    def y_hat(self) -> Latent:
        """``[B, M, h, w]``, the engine's array: the decoded latents."""
        return self.walk.latent()


def latent_size(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the latent of an image, both multiples of 4."""
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
    """Residuals of one image to symbols, part by part."""

    def __init__(self, walk: ScaleWalk, widenings: Floats | None) -> None:
        self.walk = walk
        self._widenings = widenings

    def first_levels(self) -> NDArray[np.uint8]:
        """Scale levels of the first part of the step at hand, which depend on the steps before alone."""
        return self.walk.levels()

    def symbols(self, residuals: Floats, first_levels: Future[NDArray[np.uint8]], step: int) -> NDArray[np.int32]:
        """Symbols of a step, whose parts each decide on the scale levels of the next."""
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
        """Takes both halves of a model.

        Args:
            engine: Runs the float networks.
            scales: Integer scale networks.
            stopwatch: Told of the stages "analysis", "hyper", "scales", "context" and "synthesis".
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
            pixels: uint8 ``[B, H, W, 3]``, RGB: images, which are extended to multiples of 64 by repeating their last
                row and column, or the windows of tiles, whose sides without the margins are such multiples.
            quality: Of the files.
            margins: Of windows, in pixels.
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
            unrounded: From `analyse`.
            analysed_at: The quality that it was asked for.
            quality: The other one.
        """
        y = self.engine.at_other_quality(self.engine.merge(unrounded.y), analysed_at, quality)
        return self._unrounded(y, quality)

    def _unrounded(self, y: Latent, quality: Hundredths) -> UnroundedLatents:
        with self.stopwatch.stage("hyper"):
            return UnroundedLatents(self.engine.split(y), self.engine.hyper_analyse(y, quality))

    def quantise(self, unrounded: UnroundedLatents, quality: Hundredths, *, dead_zones: bool = True) -> Quantised:
        """Rounds latents to symbols, each step's residuals as they are after the steps before.

        Args:
            unrounded: From `analyse`, or a better one.
            quality: Of the files.
            dead_zones: Round toward zero where a symbol is expensive, and else to the nearest integer.

        Raises:
            InvalidModel: The networks overflow, as only those of a strange model can.
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
        """Threads for the exact half of so many images, while the engine works.

        There are none if one thread is all, or a stopwatch listens.
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
            y_hat: ``[B, M, h, w]``, the engine's array, of images, or of the windows of tiles.
            height: Rows of an image or tile.
            width: Columns of an image or tile.
            quality: Of the files.
            margins: Of windows, in latent positions.

        Returns:
            uint8 ``[B, height, width, 3]``, RGB.
        """
        with self.stopwatch.stage("synthesis"):
            pixels: NDArray[np.uint8] = self.engine.synthesise(y_hat, quality, margins)[:, :height, :width]
            return pixels

    def preview(self, y_hat: Latent, factor: int, quality: Hundredths) -> NDArray[np.uint8]:
        """Maps decoded latents to small images, without the convolutions; docs/LARGE.md says how good they are.

        Args:
            y_hat: ``[B, M, h, w]``, the engine's array.
            factor: How many pixels become one, along each side; divides 16.
            quality: Of the files.

        Returns:
            uint8 ``[B, 16h / factor, 16w / factor, 3]``, RGB.
        """
        with self.stopwatch.stage("synthesis"):
            return self.engine.preview(y_hat, factor, quality)

    def hyper_levels(self, quality: Hundredths, rows: int, columns: int) -> NDArray[np.uint8]:
        """Scale level of every symbol of a hyper-latent of some rows and columns: uint8 ``[N, rows, columns]``."""
        levels = self.scales.hyper_levels(quality)
        return np.broadcast_to(levels[:, None, None], (len(levels), rows, columns))
