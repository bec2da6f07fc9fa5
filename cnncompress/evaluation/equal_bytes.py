"""Finds the quality at which a codec's file of an image is as large as another codec's."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from PIL import Image

from cnncompress.evaluation.peers import ImageCodec

LOWEST, HIGHEST = 1, 100

_BY_THE_CURVE = 5
"""So many trials are placed by interpolation, the others in the middle."""


@dataclass(frozen=True)
class EncodedFile:
    """A file that a codec made.

    Attributes:
        quality: The codec's own quality.
        data: The whole file.
        seconds: Pixels in memory to bytes in memory.
    """

    quality: float
    data: bytes
    seconds: float


class SizeSearch:
    """Encodes one image at whole-numbered qualities, and keeps the files for the next size that is asked for."""

    def __init__(self, codec: ImageCodec, image: Image.Image) -> None:
        """Encodes nothing yet.

        Args:
            codec: Its quality is ``1 .. 100``, and files grow with it, at least roughly.
            image: 8-bit RGB.
        """
        self._codec = codec
        self._image = image
        self._files: dict[int, EncodedFile] = {}

    def at_least(self, size: int) -> EncodedFile:
        """Returns the file of the lowest quality that has at least so many bytes, so that peers are not put short.

        Args:
            size: In bytes, above 0.

        Returns:
            The file; that of the highest quality if even that is smaller.
        """
        below, above = LOWEST - 1, HIGHEST + 1
        for quality, file in sorted(self._files.items()):
            if len(file.data) < size:
                below = quality
            else:
                above = quality
                break
        trials = 0
        while above - below > 1:
            # Not always by the curve, which may have a plateau that such steps would cross one by one.
            quality = self._between(below, above, size) if trials < _BY_THE_CURVE else (below + above) // 2
            trials += 1
            if len(self._encoded(quality).data) < size:
                below = quality
            else:
                above = quality
        return self._encoded(min(above, HIGHEST))

    def _between(self, below: int, above: int, size: int) -> int:
        """A quality inside the two, where the size is to be expected; the middle where one of the ends is not known."""
        if below not in self._files or above not in self._files:
            return (below + above) // 2
        low, high = (math.log(len(self._files[quality].data)) for quality in (below, above))
        share = (math.log(size) - low) / (high - low)
        return min(max(below + round(share * (above - below)), below + 1), above - 1)

    def _encoded(self, quality: int) -> EncodedFile:
        if quality not in self._files:
            start = time.perf_counter()
            data = self._codec.encode(self._image, quality)
            self._files[quality] = EncodedFile(quality, data, time.perf_counter() - start)
        return self._files[quality]
