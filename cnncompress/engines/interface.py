"""Interface of the engines, which run the float networks: transforms, hyper-transforms and the context of the means.

An engine holds the networks of one model, and uses arrays of its own kind: NumPy arrays on a CPU, tensors on a GPU.
Symbols and pixels are passed as NumPy arrays. So are the residuals that are rounded to symbols, because rounding
depends on the integer networks. Nothing that an engine computes selects a probability table, so every engine can
decode the files of any other.

The first axis of all arrays is the batch: tiles and images of one size can be run together. All items of a batch have
the same margins.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cnncompress.model.config import ModelConfig
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margins
from cnncompress.units import Hundredths

Latent: TypeAlias = Any
"""Array of an engine's own kind, float32. Supports reading and assigning slices, like a NumPy array."""


class ContextWalk(Protocol):
    """The four coding steps of a batch of latents, for encoder and decoder.

    In each step the encoder takes the residuals and rounds them to symbols; the decoder reads symbols from the file.
    Both then pass the symbols to `decode`.
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
        """Decodes the current step from its symbols, int32 ``[B, M, h/2, w/2]``, and moves to the next step."""
        ...

    def latent(self) -> Latent:
        """Returns the decoded latent after the last step: ``[B, M, h, w]``, in units of the base step."""
        ...

    def means(self) -> Latent:
        """Returns the means of all steps, after the last one: ``[B, 4, M, h/2, w/2]``."""
        ...

    def deltas(self) -> Latent:
        """Returns the quantisation step size of every element, for all coding steps: ``[B, 4, M, h/2, w/2]``."""
        ...


class Engine(Protocol):
    """Runs the float networks of a model. Keeps no state between calls; threads may share it.

    Attributes:
        name: Name of the engine for users.
        device: Device that it runs on, such as ``cpu`` or ``cuda:0``.
        threads: Number of CPU threads per image.
        pixels_at_once: Largest number of pixels of a batch. Smaller images and tiles are run together up to this; 0
            means one by one.
        config: Shape of the model.
    """

    name: str
    device: str
    threads: int
    pixels_at_once: int
    config: ModelConfig

    def use_one_thread(self) -> None:
        """Prepares the engine for use in a forked process, where the threads of the parent do not exist."""
        ...

    def analyse(self, pixels: NDArray[np.uint8], quality: Hundredths, margins: Margins = WHOLE_IMAGE) -> Latent:
        """Maps pixels to their scaled latent.

        Args:
            pixels: uint8 ``[B, H, W, 3]``, RGB; sides are multiples of 64, or of 16 for a window.
            quality: Quality of the file.
            margins: Margins of a window in pixels, multiples of 16; at least `analysis_margin` wide on sides that are
                not the edge of the image.

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
            quality: Quality of the file.
            margins: Margins of a window in latent positions; at least `synthesis_reach` wide on sides that are not the
                edge of the image.

        Returns:
            uint8 ``[B, 16 h, 16 w, 3]`` without the margins.
        """
        ...

    def preview(self, y: Latent, factor: int, quality: Hundredths) -> NDArray[np.uint8]:
        """Maps a decoded latent to a small image, by the linear path alone: averaging pixels is linear, too.

        Args:
            y: ``[B, M, h, w]``, in units of the base step.
            factor: Reduction of each side; divides 16.
            quality: Quality of the file.

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

    def zeros(self, count: int, height: int, width: int) -> Latent:
        """Returns writable latents of zeros, ``[count, M, h, w]``. Zeros decode to gray."""
        ...

    def to_numpy(self, x: Latent) -> NDArray[np.float32]:
        """Converts an array of the engine to NumPy's, float32. Both may share memory: do not write to the result."""
        ...

    def from_numpy(self, x: NDArray[np.float32]) -> Latent:
        """Inverse of `to_numpy`."""
        ...

    def linear_gradient(self, slopes: NDArray[np.float32], quality: Hundredths) -> Latent:
        """Maps a gradient with respect to samples to one with respect to the scaled latent, by the linear path alone.

        Args:
            slopes: float32 ``[B, H, W, 3]``, sides multiples of 16: derivatives of a cost with respect to samples in
                ``0 .. 1``.
            quality: Quality of the file.

        Returns:
            ``[B, M, H/16, W/16]``: derivatives of the cost with respect to elements of the scaled latent.
        """
        ...

    def linear_norms(self, quality: Hundredths) -> NDArray[np.float32]:
        """Returns the squared error of the image for an error of 1 in each channel of the scaled latent: ``[M]``.

        Only the linear path counts.
        """
        ...
