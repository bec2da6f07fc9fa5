"""How the cost of an image changes with each element of its decoded latent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cnncompress.codec.latents import LatentTransform, Quantised
from cnncompress.nn.config import LEVELS_PER_NAT, ModelConfig
from cnncompress.nn.scales import IntegerScaleSynthesis, ScaleSynthesis


def bfloat16_is_fast(device: torch.device) -> bool:
    """Whether a device computes bfloat16 natively."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # Releases of torch before 2.9 do not tell.
        capabilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


@dataclass(frozen=True)
class Slopes:
    """How the bits of the latent's symbols change, each float32 ``[4, M, h/2, w/2]``.

    Attributes:
        symbols: Bits more if a symbol were larger by 1.
        levels: Bits more if its scale level were.
    """

    symbols: Tensor
    levels: Tensor


@dataclass(frozen=True)
class Gradients:
    """How the cost changes, in bits.

    Attributes:
        y: float32 ``[4, M, h/2, w/2]``, by quantisation steps of the decoded latent, in coding order.
        z: float32 ``[1, N, h/4, w/4]``, by symbols of the hyper-latent; None if the rate was left out.
    """

    y: Tensor
    z: Tensor | None


def twin_of(integers: IntegerScaleSynthesis, config: ModelConfig, device: torch.device) -> ScaleSynthesis:
    """Builds the differentiable twin of an integer scale network, without drawing random numbers."""
    with torch.device("meta"):
        twin = ScaleSynthesis(config)
    twin = twin.to_empty(device=device).requires_grad_(False)
    twin.load_integers(integers.state_dict())
    return twin


class CostGradient:
    """Gradient of the cost of one image at one quality; everything in bits."""

    def __init__(
        self,
        transform: LatentTransform,
        scales: ScaleSynthesis,
        original: Tensor,
        quality: int,
        bits_per_square: float,
    ) -> None:
        """Prepares what all gradients share.

        Args:
            transform: The networks.
            scales: Twin of the integer scale network.
            original: uint8 ``[H, W, 3]``.
            quality: Hundredths, 0 .. 10000.
            bits_per_square: Bits that a squared error of 1 (white) at one value of the image is worth.
        """
        self._transform = transform
        self._scales = scales
        self._position = transform.position(quality)
        self._original = original.to(transform.device).permute(2, 0, 1)[None].float() / 255.0
        self._bits_per_square = bits_per_square
        self._fast = bfloat16_is_fast(transform.device)

    def curvature(self) -> Tensor:
        """Half the second derivative of the distortion, from the norms of the synthesis transform's linear path.

        Returns:
            float32 ``[4, M, 1, 1]``, bits per square of a quantisation step, in coding order. The whole transform's
            second derivatives came out at 0.8 to 1.1 times these numbers; their off-diagonal is left out.
        """
        network = self._transform.network
        with torch.no_grad():
            step = network.log_inverse_gain(self._position).exp()
            norms = network.g_s.klt.square().sum(0)[None, :, None, None]
            return self._bits_per_square * torch.cat(network.partition.split_channels(step.square() * norms))

    def __call__(self, coded: Quantised, slopes: Slopes | None) -> Gradients:
        """Takes the gradient of the distortion and of what the symbols cost, the step's own symbol left out.

        What a symbol itself would cost after a step is looked up, not extrapolated.

        Args:
            coded: Where to take it.
            slopes: Of the symbols' bits; None leaves out the rate.
        """
        transform = self._transform
        network = transform.network
        decoded = (coded.means + coded.latents.y.to(transform.device)).requires_grad_()
        z_hat = coded.latents.z.to(transform.device).float()[None].requires_grad_()
        height, width = self._original.shape[2:]
        with (
            torch.enable_grad(),
            torch.autocast(transform.device.type, dtype=torch.bfloat16, enabled=self._fast),
        ):
            steps = list(decoded.split(1))
            x_hat = network.synthesise(network.partition.merge(steps), self._position)
            error = x_hat[..., :height, :width].clamp(0.0, 1.0) - self._original
            cost = self._bits_per_square * error.square().sum()
            if slopes is None:
                return Gradients(torch.autograd.grad(cost, decoded)[0], None)
            rates: list[Tensor] = []

            def code(step: int, mean: Tensor) -> Tensor:
                # A symbol is what is left of the target after its mean: where the mean rises, the symbol falls.
                rates.append(-(slopes.symbols[step : step + 1] * mean).sum())
                return steps[step]

            network.walk_context(z_hat, self._position, code)
            log_scales = torch.cat(network.partition.split(self._scales(z_hat, self._position, True)))
            rates.append((slopes.levels * LEVELS_PER_NAT * log_scales).sum())
            return Gradients(*torch.autograd.grad(cost + torch.stack(rates).sum(), (decoded, z_hat)))
