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
    """The four coding steps of a batch of latents, one after the other, for encoder and decoder alike.

    For each step the encoder asks for residuals and rounds them to symbols, and the decoder reads symbols from the
    file. Both then pass the symbols to `decode`.
    """

    def residuals(self, latent: Latent) -> NDArray[np.float32]:
        """Returns ``(latent - mean) / step size`` for the current coding step.

        Args:
            latent: Before rounding, in coding order, ``[B, 4, M, h/2, w/2]``, from `Engine.split`.

        Returns:
            ``[B, M, h/2, w/2]``.
        """
        ...

    def decode(self, symbols: NDArray[np.int32]) -> None:
        """Takes the symbols of the current step, int32 ``[B, M, h/2, w/2]``, and moves to the next."""
        ...

    def latent(self) -> Latent:
        """The decoded latent after the last step, ``[B, M, h, w]``, in units of the base step."""
        ...

    def means(self) -> Latent:
        """Means of all steps, after the last one: ``[B, 4, M, h/2, w/2]``."""
        ...

    def deltas(self) -> Latent:
        """Quantisation step size of every element, for all four coding steps: ``[B, 4, M, h/2, w/2]``."""
        ...


class Engine(Protocol):
    """Runs the float networks of a model. Keeps no state between calls; threads may share it.

    Attributes:
        name: What users call it.
        device: Where it runs, such as ``cpu`` or ``cuda:0``.
        threads: CPU threads that work on one image.
        pixels_at_once: Pixels of a full batch. Smaller images and tiles are run together up to this; 0 to run them one
            by one.
        config: Shape of the model.
    """

    name: str
    device: str
    threads: int
    pixels_at_once: int
    config: ModelConfig

    def use_one_thread(self) -> None:
        """Goes on in a forked process, without the threads of its parent."""
        ...

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
        """Starts the coding steps with the decoded hyper-latent, int32 ``[B, N, h/4, w/4]``."""
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
        """Rescales a latent from `analyse` by the ratio of two qualities' gains, instead of analysing again."""
        ...

    def blank(self, count: int, height: int, width: int) -> Latent:
        """Latents of zeros ``[count, M, h, w]``, which are gray, to be written to as well."""
        ...

    def fetched(self, x: Latent) -> NDArray[np.float32]:
        """Converts an array of the engine to NumPy's, float32. It may share memory: do not write to it."""
        ...

    def placed(self, x: NDArray[np.float32]) -> Latent:
        """Inverse of `fetched`."""
        ...

    def linear_gradient(self, slopes: NDArray[np.float32], quality: Hundredths) -> Latent:
        """Maps a gradient with respect to samples to one with respect to the scaled latent, by the linear path alone.

        Args:
            slopes: float32 ``[B, H, W, 3]``, sides multiples of 16: derivative of a cost by each sample in ``0 .. 1``.
            quality: Of the file.

        Returns:
            ``[B, M, H/16, W/16]``, its derivative by each element of the scaled latent.
        """
        ...

    def linear_norms(self, quality: Hundredths) -> NDArray[np.float32]:
        """Squared error of the image by an error of 1 in a channel of the scaled latent, linear path only, ``[M]``."""
        ...
