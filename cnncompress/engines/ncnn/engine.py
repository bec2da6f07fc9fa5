"""The float networks in ncnn: on a CPU, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnncompress.engines.interface import ContextWalk
from cnncompress.engines.lazy import Lazy
from cnncompress.engines.ncnn.analysis import Analysis
from cnncompress.engines.ncnn.context import MeanContext
from cnncompress.engines.ncnn.hyper import HyperAnalysis, HyperSynthesis
from cnncompress.engines.ncnn.linear import LinearPath
from cnncompress.engines.ncnn.mats import Memory, as_batch
from cnncompress.engines.ncnn.restoration import Restoration
from cnncompress.engines.ncnn.synthesis import Synthesis
from cnncompress.engines.ncnn.walk import BatchWalk, Walk
from cnncompress.engines.ncnn.workers import Workers
from cnncompress.engines.partition import Partition
from cnncompress.engines.quality import interpolated
from cnncompress.model.config import ModelConfig
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margins
from cnncompress.units import Hundredths

Floats = NDArray[np.float32]


class NcnnEngine:
    """Runs the float networks of a model, see `cnncompress.engines.interface.Engine`. Its arrays are NumPy arrays.

    It computes in float32. Each net is loaded at its first use, so encoding in a single pass never loads
    the synthesis. Results do not depend on the number of threads.
    """

    name = "ncnn"
    device = "cpu"
    pixels_at_once = 0  # items of a batch are run one by one

    def __init__(self, config: ModelConfig, arrays: Mapping[str, NDArray[Any]], threads: int) -> None:
        """Loads nothing yet.

        Args:
            config: Shape of the model.
            arrays: Arrays of the float networks, by name, see `cnncompress.model.weights.Weights`.
            threads: Number of threads per image.
        """
        self.config = config
        self._arrays = arrays
        self._log_gain = arrays["log_gain.table"]
        self._log_inverse_gain = arrays["log_inverse_gain.table"]
        self._std = arrays["g_a.klt_std"].astype(np.float32)
        self._partition = Partition(config.bands)
        self._run_on(threads)

    def _run_on(self, threads: int) -> None:
        config, arrays = self.config, self._arrays
        memory, workers = Memory(), Workers(threads)
        self.threads = threads
        self._linear = Lazy(lambda: LinearPath(arrays, memory, threads))
        self._analysis = Lazy(lambda: Analysis(config, arrays, memory, threads))
        self._hyper_analysis = Lazy(lambda: HyperAnalysis(config, arrays, memory, threads))
        self._hyper_synthesis = Lazy(lambda: HyperSynthesis(config, arrays, memory, threads))
        self._context = Lazy(lambda: MeanContext(config, arrays, memory, threads))
        self._synthesis = Lazy(lambda: Synthesis(config, arrays, memory, threads))
        self._restoration = Lazy(lambda: Restoration(config, arrays, memory, workers))

    def use_one_thread(self) -> None:
        """Drops all nets; each is loaded again at its next use."""
        self._run_on(1)

    def analyse(self, pixels: NDArray[np.uint8], quality: Hundredths, margins: Margins = WHOLE_IMAGE) -> Floats:
        """Maps pixels to their scaled latent."""
        analyse, gain = self._analysis.value, self._gain(quality)
        return as_batch(analyse(each, quality, gain, margins) for each in pixels)

    def hyper_analyse(self, y: Floats, quality: Hundredths) -> Floats:
        """Maps a scaled latent to the hyper-latent before rounding."""
        analyse, normaliser = self._hyper_analysis.value, self._normaliser(quality)
        return as_batch(analyse(each, quality, normaliser) for each in y)

    def walk(self, z: NDArray[np.int32], quality: Hundredths) -> ContextWalk:
        """Starts the coding steps."""
        context, synthesise = self._context.value, self._hyper_synthesis.value
        normaliser = self._normaliser(quality)
        return BatchWalk([Walk(context, self._partition, synthesise(each, quality), normaliser, quality) for each in z])

    def synthesise(self, y: Floats, quality: Hundredths, margins: Margins = WHOLE_IMAGE) -> NDArray[np.uint8]:
        """Maps a decoded latent to pixels."""
        synthesise, restore = self._synthesis.value, self._restoration.value
        inverse_gain = self._inverse_gain(quality)
        return as_batch(restore(*synthesise(each, quality, inverse_gain, margins), quality) for each in y)

    def preview(self, y: Floats, factor: int, quality: Hundredths) -> NDArray[np.uint8]:
        """Maps a decoded latent to a small image by the linear path alone."""
        linear, inverse_gain = self._linear.value, self._inverse_gain(quality)
        return as_batch(linear.preview(each, factor, inverse_gain) for each in y)

    def split(self, y: Floats) -> Floats:
        """Reorders a latent into the coding steps."""
        return as_batch(self._partition.split(each) for each in y)

    def merge(self, steps: Floats) -> Floats:
        """Inverse of `split`."""
        return as_batch(self._partition.merge(each) for each in steps)

    def at_other_quality(self, y: Floats, analysed_at: Hundredths, quality: Hundredths) -> Floats:
        """Rescales a latent by the ratio of two qualities' gains."""
        scaled: Floats = y * (self._gain(quality) / self._gain(analysed_at))[:, None, None]
        return scaled

    def zeros(self, count: int, height: int, width: int) -> Floats:
        """Latents of zeros."""
        return np.zeros((count, self.config.latent_channels, height, width), np.float32)

    def to_numpy(self, x: Floats) -> Floats:
        """The array itself."""
        return x

    def from_numpy(self, x: Floats) -> Floats:
        """The array itself."""
        return x

    def linear_gradient(self, slopes: Floats, quality: Hundredths) -> Floats:
        """Maps a gradient with respect to samples to one with respect to the scaled latent."""
        linear, inverse_gain = self._linear.value, self._inverse_gain(quality)
        return as_batch(linear.gradient(each, inverse_gain) for each in slopes)

    def linear_norms(self, quality: Hundredths) -> Floats:
        """Returns the squared error of the image for an error of 1 in each channel of the scaled latent."""
        norms: Floats = self._linear.value.norms * np.square(self._inverse_gain(quality))
        return norms

    def _gain(self, quality: Hundredths) -> Floats:
        return np.exp(interpolated(self._log_gain, quality))

    def _inverse_gain(self, quality: Hundredths) -> Floats:
        return np.exp(interpolated(self._log_inverse_gain, quality))

    def _normaliser(self, quality: Hundredths) -> Floats:
        """Divisor of the scaled latent at the input of a network, see `CodecNetwork.normaliser`."""
        normaliser: Floats = np.maximum(self._std * self._gain(quality), np.float32(1.0))
        return normaliser
