"""The float networks of the codec, as they are shipped.

::

    x  [B, 3, H, W] in 0 .. 1                                            x_hat  [B, 3, H, W]
    |                                                                      ^
    g_a  analysis transform                                                g_s  synthesis transform, restoration filter
    |                                                                      |
    * gain(quality)                                                        * inverse gain(quality)
    |                                                                      |
    y  [B, M, H/16, W/16] ---------> round((y - mean) / delta) ----------> y_hat = mean + delta * symbol
    |                                 ^               ^                    |
    / normaliser                      |               |                    | steps decoded so far
    |                                mean    [B, M, H/32, W/32]            |
    h_a  hyper-analysis               context, one network a step <--------+
    |                                 ^               ^
    z  [B, N, H/64, W/64]             features      delta
    |                                 |               |
    round ----> z_hat ------------> h_s  hyper-synthesis, quantisation steps

The exact half (`cnncompress.entropy`) reads the symbols of z and y alone, and gives the probability table of each.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from cnncompress.entropy.parts import STEPS
from cnncompress.model.config import ModelConfig
from cnncompress.model.receptive_field import Margins
from cnncompress.nn.hyper import HyperAnalysis, HyperSynthesis
from cnncompress.nn.mean_context import ContextNetwork, StepPartition
from cnncompress.nn.quality import QualityTable
from cnncompress.nn.quantisation import QuantisationSteps
from cnncompress.nn.transforms import AnalysisTransform, SynthesisTransform


class CodecNetwork(nn.Module):
    """Transforms, hyper-transforms, gains and context networks.

    Nothing here selects a probability table: a float that differs in its last bits on another machine moves a pixel by
    as little, and never desynchronises the entropy coder.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.g_a = AnalysisTransform(config)
        self.g_s = SynthesisTransform(config)
        self.h_a = HyperAnalysis(config)
        self.h_s = HyperSynthesis(config)
        self.partition = StepPartition(config.bands)
        self.quantisation = QuantisationSteps(config)
        self.context = nn.ModuleList(ContextNetwork(config, step) for step in range(STEPS))
        self.log_gain = QualityTable(config.anchors, config.latent_channels)
        self.log_inverse_gain = QualityTable(config.anchors, config.latent_channels)

    def analyse(self, x: Tensor, position: Tensor, margins: Margins | None = None) -> Tensor:
        """Image to scaled latent.

        Args:
            x: float32 ``[B, 3, H, W]`` in ``0 .. 1``; H and W multiples of 64, or of 16 for a window.
            position: float32 ``[B]``, quality as a place among the anchors, ``0 .. anchors - 1``.
            margins: Of a window, as for `AnalysisTransform`; None for a whole image.

        Returns:
            float32 ``[B, M, H/16, W/16]`` in units of the base step, 1 / gain, without the margins.
        """
        y: Tensor = self.g_a(x, position, margins) * self.log_gain(position).exp()
        return y

    def synthesise(self, y_hat: Tensor, position: Tensor, margins: Margins | None = None) -> Tensor:
        """Decoded scaled latent to image, nominally in ``0 .. 1``.

        Args:
            y_hat: float32 ``[B, M, h, w]`` in units of the base step, 1 / gain.
            position: float32 ``[B]``, quality as a place among the anchors.
            margins: Of a window, as for `SynthesisTransform`; None for a whole image.

        Returns:
            float32 ``[B, 3, 16h, 16w]``, without the margins.
        """
        x_hat: Tensor = self.g_s(self.unscaled(y_hat, position), position, margins)
        return x_hat

    def unscaled(self, y_hat: Tensor, position: Tensor) -> Tensor:
        """Decoded scaled latent to what the synthesis transform takes, of the same shape."""
        scaled_back: Tensor = y_hat * self.log_inverse_gain(position).exp()
        return scaled_back

    def preview(self, y_hat: Tensor, position: Tensor, factor: int) -> Tensor:
        """Decoded scaled latent to a small image, float32 ``[B, 3, 16h / factor, 16w / factor]``; factor divides 16.

        With a factor of 1, what the linear path alone makes of it.
        """
        return self.g_s.preview(self.unscaled(y_hat, position), factor)

    def normaliser(self, position: Tensor) -> Tensor:
        """What the scaled latent is divided by before a network sees it, ``[B, M, 1, 1]``, at least 1.

        Raw DC coefficients are several hundred steps at high quality; coefficients below one step are left as they are,
        so that quantised zeros do not turn into noise of unit variance.
        """
        std: Tensor = self.g_a.klt_std[:, None, None] * self.log_gain(position).exp()
        return std.clamp(min=1.0)

    def hyper_analyse(self, y: Tensor, position: Tensor) -> Tensor:
        """Scaled latent to hyper-latent before rounding, ``[B, N, h/4, w/4]``."""
        z: Tensor = self.h_a(y / self.normaliser(position), position)
        return z

    def walk_context(self, z_hat: Tensor, position: Tensor, code: Callable[[int, Tensor, Tensor], Tensor]) -> Tensor:
        """Goes through the four steps of the spatial context; the one path of training, encoder and decoder.

        Args:
            z_hat: float32 ``[B, N, h/4, w/4]``, decoded hyper-latent.
            position: float32 ``[B]``, quality as a place among the anchors.
            code: Called with the step's number, its means and its quantisation steps, both float32 ``[B, M, h/2, w/2]``
                in the order of `StepPartition.split`; returns the decoded latent of that step, of the same shape.

        Returns:
            float32 ``[B, M, h, w]``, the decoded scaled latent.
        """
        features = self.h_s(z_hat, position)
        deltas = self.quantisation(features)
        normalisers = self.partition.split_channels(self.normaliser(position))
        decoded: list[Tensor] = []
        normalised: list[Tensor] = []
        for step in range(STEPS):
            mean = self.context[step](features, normalised, position) * normalisers[step]
            decoded.append(code(step, mean, deltas[step]))
            normalised.append(decoded[-1] / normalisers[step])
        return self.partition.merge(decoded)
