"""One analysis of an image for several qualities.

The analysis transform depends on the quality by its gain, which is known, and by a bias of its first layer, which
matters little: what was analysed at a quality not far away, times the ratio of the gains, codes as well as what is
analysed anew (tests/codec/test_shared_analysis.py holds it to that).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import Target
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tile_encoder import TiledImage
from cnncompress.codec.tiles import WHOLE

REACH = 600
"""How far away, in hundredths of quality."""

ENDS = (0, 10000)
"""Qualities that are always analysed anew: they decide whether a target can be reached at all."""


class SharedAnalysis(TiledImage):
    """Codes one image at any number of qualities, and analyses its tiles no more often than it must.

    The payloads of the first quality are those of a `TiledImage`, those of others nearly so. All that was analysed is
    kept, about six bytes a pixel.
    """

    def __init__(self, pipeline: ImagePipeline, pixels: NDArray[np.uint8], side: int = WHOLE) -> None:
        """Analyses nothing yet.

        Args:
            pipeline: What codes it.
            pixels: uint8 ``[H, W, 3]``, RGB.
            side: Of the tiles.
        """
        super().__init__(pipeline, pixels, side)
        self._analysed: dict[int, tuple[int, Target]] = {}

    def target(self, number: int, quality: int) -> Target:
        """Analyses a tile, or takes what was analysed at another quality.

        Args:
            number: Of the tile.
            quality: Hundredths, 0 .. 10000.
        """
        if number not in self._analysed or not _serves(self._analysed[number][0], quality):
            self._analysed[number] = quality, super().target(number, quality)
        analysed_at, target = self._analysed[number]
        if quality != analysed_at:
            target = self.pipeline.transform.at_other_quality(target, analysed_at, quality)
        return target


def _serves(analysed_at: int, quality: int) -> bool:
    return quality == analysed_at or (quality not in ENDS and abs(quality - analysed_at) <= REACH)
