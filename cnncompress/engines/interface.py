"""What runs the float half: the transforms, the hyper-transforms and the context of the means.

An engine keeps the networks of one model, and arrays of its own kind: NumPy arrays on a CPU, tensors on a GPU. Symbols
and pixels cross as NumPy arrays, and so do the numbers that are rounded to symbols, because rounding depends on the
exact half. Nothing that an engine computes selects a probability table: a file of one engine is a file for all.

All arrays have the batch first, so that tiles and images of one size can be run together. Margins are the same for all
of a batch.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnncompress.model.config import ModelConfig
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margins
from cnncompress.units import Hundredths

Latent: TypeAlias = Any
"""Array of an engine's own kind, float32. It can be indexed with slices, and assigned to them, as a NumPy array can."""


class ContextWalk(Protocol):
    """The way of a batch of latents through the four coding steps; encoder and decoder go the same way.

    For each step the encoder asks for residuals and rounds them, and the decoder reads symbols from the file; both then
    hand the symbols over.
    """

    def residuals(self, target: Latent) -> NDArray[np.float32]:
        """What the means of the step at hand leave of a target, in quantisation steps.

        Args:
            target: ``[B, 4, M, h/2, w/2]`` from `Engine.split`; the step at hand is read.

        Returns:
            ``[B, M, h/2, w/2]``.
        """
        ...

    def decode(self, symbols: NDArray[np.int32]) -> None:
        """Takes the symbols of the step at hand, int32 ``[B, M, h/2, w/2]``, and goes on to the next."""
        ...

    def latent(self) -> Latent:
        """The decoded latent ``[B, M, h, w]``, in units of the base step, behind the last step."""
        ...

    def means(self) -> Latent:
        """Means of all steps behind the last one, ``[B, 4, M, h/2, w/2]``."""
        ...

    def deltas(self) -> Latent:
        """Quantisation steps of all steps, ``[B, 4, M, h/2, w/2]``."""
        ...


class Engine(Protocol):
    """Runs the float networks of a model. Holds no state between calls; threads may share it.

    Attributes:
        name: What users call it.
        device: Where it runs, such as ``cpu`` or ``cuda:0``.
        threads: How many of the CPU work on an image.
        pixels_at_once: How many pixels are worth running together: images and tiles that have less are run in batches.
            0 to run one after the other.
        config: Shape of the model.
    """

    name: str
    device: str
    threads: int
    pixels_at_once: int
    config: ModelConfig

    def analyse(self, pixels: NDArray[np.uint8], quality: Hundredths, margins: Margins = WHOLE_IMAGE) -> Latent:
        """Maps pixels to their scaled latent.

        Args:
            pixels: uint8 ``[B, H, W, 3]``, RGB; sides are multiples of 64, or for a window of 16.
            quality: Of the file.
            margins: Of a window, in pixels, multiples of 16, at least `analysis_margin` wide where the image goes on.

        Returns:
            ``[B, M, H/16, W/16]`` without the margins, in units of the base step, 1 / gain.
        """
        ...

    def hyper_analyse(self, y: Latent, quality: Hundredths) -> NDArray[np.float32]:
        """Maps a scaled latent ``[B, M, h, w]`` to the hyper-latent before rounding, ``[B, N, h/4, w/4]``."""
        ...

    def walk(self, z: NDArray[np.int32], quality: Hundredths) -> ContextWalk:
        """Starts the way through the coding steps with the decoded hyper-latent, int32 ``[B, N, h/4, w/4]``."""
        ...

    def synthesise(self, y: Latent, quality: Hundredths, margins: Margins = WHOLE_IMAGE) -> NDArray[np.uint8]:
        """Maps a decoded latent to pixels.

        Args:
            y: ``[B, M, h, w]``, in units of the base step.
            quality: Of the file.
            margins: Of a window, in latent positions, at least `synthesis_reach` wide where the image goes on.

        Returns:
            uint8 ``[B, 16 h, 16 w, 3]`` without the margins.
        """
        ...

    def preview(self, y: Latent, factor: int, quality: Hundredths) -> NDArray[np.uint8]:
        """Maps a decoded latent to a small image by the linear path alone, since averages are linear as well.

        Args:
            y: ``[B, M, h, w]``, in units of the base step.
            factor: How many pixels become one along each side; divides 16.
            quality: Of the file.

        Returns:
            uint8 ``[B, 16 h / factor, 16 w / factor, 3]``.
        """
        ...

    def split(self, y: Latent) -> Latent:
        """Reorders a latent ``[B, M, h, w]`` into the coding steps ``[B, 4, M, h/2, w/2]``."""
        ...

    def merge(self, steps: Latent) -> Latent:
        """Inverse of `split`."""
        ...

    def at_other_quality(self, y: Latent, analysed_at: Hundredths, quality: Hundredths) -> Latent:
        """Turns what `analyse` returned at one quality into about what it returns at another, by the gains alone."""
        ...

    def blank(self, count: int, height: int, width: int) -> Latent:
        """Latents of zeros ``[count, M, h, w]``, which are gray, to be written to as well."""
        ...

    def fetched(self, x: Latent) -> NDArray[np.float32]:
        """An array of the engine as NumPy's, float32, which is not to be written to."""
        ...

    def placed(self, x: NDArray[np.float32]) -> Latent:
        """Inverse of `fetched`."""
        ...

    def linear_gradient(self, slopes: NDArray[np.float32], quality: Hundredths) -> Latent:
        """What samples gain by a change of the latent that they come from, through the linear path alone.

        Args:
            slopes: float32 ``[B, H, W, 3]``, multiples of 16: how a cost changes with each sample in ``0 .. 1``.
            quality: Of the file.

        Returns:
            ``[B, M, H/16, W/16]``: how it changes with each element of the scaled latent.
        """
        ...

    def linear_norms(self, quality: Hundredths) -> NDArray[np.float32]:
        """Squared error of the image by an error of 1 in a channel of the scaled latent, linear path only, ``[M]``."""
        ...
