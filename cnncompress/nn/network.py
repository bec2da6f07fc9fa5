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
        """Goes through the four steps of the spatial context.

        Args:
            z_hat: float32 ``[B, N, h/4, w/4]``, decoded hyper-latent.
            position: float32 ``[B]``, quality as a place among the anchors.
            code: Called with the step's number, its means and its quantisation steps, both float32 ``[B, M, h/2, w/2]``
                in the order of `StepPartition.split`; returns the decoded latent of that step, of the same shape.

        Returns:
            float32 ``[B, M, h, w]``, the decoded scaled latent.
        """
        walk = MeanWalk(self, z_hat, position)
        for step in range(STEPS):
            walk.advance(code(step, walk.means[step], walk.deltas[step]))
        return walk.latent()


class MeanWalk:
    """The way through the four steps of the spatial context; the one path of training, encoder and decoder.

    Attributes:
        means: Of the steps up to the one at hand, each float32 ``[B, M, h/2, w/2]``.
        deltas: Quantisation steps of all steps, of the same shape.
    """

    def __init__(self, network: CodecNetwork, z_hat: Tensor, position: Tensor) -> None:
        """Predicts the means of the first step; arguments as for `CodecNetwork.walk_context`."""
        self._network = network
        self._position = position
        self._features = network.h_s(z_hat, position)
        self.deltas: tuple[Tensor, ...] = network.quantisation(self._features)
        self._normalisers = network.partition.split_channels(network.normaliser(position))
        self._decoded: list[Tensor] = []
        self._normalised: list[Tensor] = []
        self.means: list[Tensor] = []
        self._predict()

    def advance(self, decoded: Tensor) -> None:
        """Takes the decoded latent of the step at hand, ``[B, M, h/2, w/2]``, and predicts the means of the next."""
        step = len(self._decoded)
        self._decoded.append(decoded)
        if step < STEPS - 1:
            self._normalised.append(decoded / self._normalisers[step])
            self._predict()

    def latent(self) -> Tensor:
        """The decoded scaled latent after the last step, ``[B, M, h, w]``."""
        return self._network.partition.merge(self._decoded)

    def _predict(self) -> None:
        step = len(self.means)
        means = self._network.context[step](self._features, self._normalised, self._position)
        self.means.append(means * self._normalisers[step])
