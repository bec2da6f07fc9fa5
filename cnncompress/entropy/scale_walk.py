"""Scale levels of a latent, part by part: those of each part depend on the symbols of the parts before."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cnncompress.nn.mean_context import StepPartition
from cnncompress.nn.scale_context import Part
from cnncompress.nn.scales import IntegerScaleSynthesis


class ScaleWalk:
    """The one path of encoder and decoder: ask for `levels` of the next part, then `add` its symbols.

    Everything is integers on the CPU, so that both sides see the same levels on every machine.
    """

    @torch.inference_mode()
    def __init__(self, scales: IntegerScaleSynthesis, partition: StepPartition, z: Tensor, quality: int) -> None:
        """Starts with the hyper-latent.

        Args:
            scales: Integer scale networks.
            partition: Order of the latent's elements.
            z: int32 ``[N, h/4, w/4]``, on the CPU.
            quality: Hundredths, 0 .. 10000.
        """
        self.context = scales.context
        self._nats = F.pixel_unshuffle(scales(z[None], quality), 2)[:, partition.order.cpu()]
        self._surprises: list[Tensor] = []
        self._symbols: list[Tensor] = []
        self._levels: list[Tensor] = []

    def parts(self, step: int | None = None) -> tuple[Part, ...]:
        """All parts in coding order, or those of a step."""
        return tuple(part for part in self.context.parts if step is None or part.step == step)

    @torch.inference_mode()
    def levels(self) -> Tensor:
        """Levels of the part that comes next: uint8 ``[n, h/2, w/2]``."""
        number = len(self._symbols)
        nats = self._nats[:, self.context.parts[number].in_latent]
        self._levels.append(self.context(number, nats, self._surprises)[0])
        return self._levels[-1]

    @torch.inference_mode()
    def add(self, symbols: Tensor) -> None:
        """Takes the symbols of the part whose levels were asked for last, int32 ``[n, h/2, w/2]``, on the CPU."""
        nats = self._nats[:, self.context.parts[len(self._symbols)].in_latent]
        self._surprises.append(self.context.surprise(symbols[None], nats))
        self._symbols.append(symbols)

    def coded(self) -> tuple[Tensor, Tensor]:
        """Symbols (int32) and levels (uint8) of all parts, both ``[4, M, h/2, w/2]`` in coding order."""
        symbols, levels = torch.cat(self._symbols), torch.cat(self._levels)
        shape = (4, -1, *symbols.shape[1:])
        return symbols.view(shape), levels.view(shape)
