"""Restoration filter: the only layers of the synthesis that work at full resolution.

The transforms' own layers lie at 1/8 and 1/16, so a pixel is a linear function of the features above it, and edges that
the quantisation has blurred or doubled, and the borders of patches, stay as they are. A few channels at full
resolution, which see the pixels as they would come out and the quality, mend part of that, as convolutional filters
do that were proposed behind video decoders (Dai et al., "A Convolutional Neural Network Approach for Post-Processing in
HEVC Intra Coding", MMM 2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cnncompress.model.config import STRIP_ROWS, ModelConfig
from cnncompress.model.receptive_field import Margin, Margins
from cnncompress.nn.blocks import ResidualLayer, activation, conv3x3, zero_initialised
from cnncompress.nn.margins import module_margins, run_window, trimmed
from cnncompress.nn.quality import QualityTable


class RestorationFilter(nn.Module):
    """Adds to an image what a small network makes of it; untrained, nothing."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stem = conv3x3(3, config.width_1)
        self.quality = QualityTable(config.anchors, config.width_1)
        self.body = nn.Sequential(
            activation(),
            *(ResidualLayer(config.width_1) for _ in range(config.blocks_1)),
            zero_initialised(conv3x3(config.width_1, 3)),
        )

    @property
    def reach(self) -> int:
        """How many pixels beside it a pixel depends on, on each side."""
        return module_margins([self.stem, *self.body])[0]

    def forward(self, x: Tensor, position: Tensor, margins: Margins) -> Tensor:
        """Restores an image.

        Args:
            x: float32 ``[B, 3, H, W]``, nominally in ``-0.5 .. 0.5``.
            position: float32 ``[B]``, quality as a place among the anchors.
            margins: In pixels, `reach` wide or wider where the image goes on.

        Returns:
            float32 of the same shape but for the margins.
        """
        quality = self.quality(position)
        if torch.is_grad_enabled():
            return self._restored(x, quality, margins)
        rows = x.shape[2] - margins.top.extent - margins.bottom.extent
        x = x.contiguous(memory_format=torch.channels_last)
        columns = x.shape[3] - margins.left.extent - margins.right.extent
        restored = torch.empty(*x.shape[:2], rows, columns, dtype=x.dtype, device=x.device)
        for first in range(0, rows, STRIP_ROWS):
            last = min(first + STRIP_ROWS, rows)
            restored[:, :, first:last] = self._strip(x, quality, margins, first, last, rows)
        return restored

    def _strip(self, x: Tensor, quality: Tensor, margins: Margins, first: int, last: int, rows: int) -> Tensor:
        """Some of the rows of the result."""
        top = _beside(margins.top, first, self.reach)
        bottom = _beside(margins.bottom, rows - last, self.reach)
        start = margins.top.extent + first - top.extent
        part = x[:, :, start : margins.top.extent + last + bottom.extent]
        return self._restored(part, quality, margins._replace(top=top, bottom=bottom))

    def _restored(self, x: Tensor, quality: Tensor, margins: Margins) -> Tensor:
        hidden, inner = run_window([self.stem], x, margins, module_margins(self.body)[0])
        change, _ = run_window(self.body, hidden + quality, inner)
        return trimmed(x, margins) + change.float()


def _beside(margin: Margin, rows: int, reach: int) -> Margin:
    """The margin of a strip that has so many rows of the window between it and the window's margin."""
    extent = min(margin.extent + rows, reach)
    return Margin(extent, margin.is_edge and extent == margin.extent + rows)
