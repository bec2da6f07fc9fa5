"""Decodes an image tile by tile: all of it, a part, or a small preview.

The latent of each tile is decoded independently; the synthesis also uses a margin of the neighbouring tiles. The pixels
of a tile do not depend on which other tiles are decoded, so a region of an image equals a crop of the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.mosaic import LatentMosaic, groups
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.tiles import CELL, TileGrid
from cnncompress.engines.interface import Latent
from cnncompress.errors import Corrupt
from cnncompress.images.view import Rectangle
from cnncompress.model.config import PATCH
from cnncompress.units import Hundredths


class TileDecoder:
    """Decodes the tiles of one image."""

    def __init__(
        self,
        pipeline: ImagePipeline,
        grid: TileGrid,
        payloads: Sequence[bytes | None],
        quality: Hundredths,
        *,
        keep_going: bool = False,
        progress: Progress = unwatched,
    ) -> None:
        """Decodes nothing yet.

        Args:
            pipeline: Pipeline of the image's model.
            grid: Tiles of the image.
            payloads: Payload of each tile's latent chunk; None for a lost one.
            quality: Quality of the file.
            keep_going: Whether lost or damaged tiles become gray and are recorded in `missing`, instead of raising.
            progress: Called after each tile.
        """
        self._pipeline = pipeline
        self._transform = pipeline.transform
        self._grid = grid
        self._payloads = payloads
        self._quality = quality
        self._keep_going = keep_going
        self._progress = progress
        self.missing: set[int] = set()

    def decode(self, area: Rectangle) -> NDArray[np.uint8]:
        """Decodes an area of the image.

        Args:
            area: The area in pixels, within the image.

        Returns:
            uint8 ``[h, w, 3]``, RGB.

        Raises:
            Corrupt: A needed tile is damaged; with ``keep_going``, all needed tiles are.
        """
        latents = LatentMosaic(self._grid, self._transform.engine)
        tiles = self._grid.meeting(area)
        pixels = np.empty((area.height, area.width, 3), np.uint8)
        done = 0
        for numbers in self._groups(tiles, latents.margin):
            latents.forget_before(numbers[0])
            missing = [number for number in latents.needed(numbers) if number not in latents]
            for together in self._groups(missing):
                for number, latent in zip(together, self._latents(together), strict=True):
                    latents.put(number, latent)
            windows, margins = latents.windows(numbers)
            first = self._grid.tile(numbers[0])
            decoded = self._transform.synthesise(windows, first.height, first.width, self._quality, margins)
            for number, samples in zip(numbers, decoded, strict=True):
                tile = self._grid.tile(number)
                common = tile.common(area)
                pixels[common.seen_from(area).slices] = samples[common.seen_from(tile).slices]
            done += len(numbers)
            self._progress(done, len(tiles))
        self._check_anything_left(tiles)
        return pixels

    def preview(self, factor: int) -> NDArray[np.uint8]:
        """Decodes the whole image at a lower resolution; see `LatentTransform.preview`.

        Args:
            factor: Reduction of each side: 2, 4 or 8.

        Returns:
            uint8 ``[h, w, 3]``, RGB; sides are rounded up.

        Raises:
            Corrupt: A tile is damaged; with ``keep_going``, all tiles are.
        """
        height, width = -(-self._grid.height // factor), -(-self._grid.width // factor)
        pixels = np.empty((height, width, 3), np.uint8)
        for numbers in self._groups(range(len(self._grid))):
            for number, latent in zip(numbers, self._latents(numbers), strict=True):
                (small,) = self._transform.preview(latent, factor, self._quality)
                tile = self._grid.tile(number).padded(CELL).divided(factor)
                common = tile.common(Rectangle(0, 0, width, height))
                pixels[common.slices] = small[common.seen_from(tile).slices]
                self._progress(number + 1, len(self._grid))
        self._check_anything_left(range(len(self._grid)))
        return pixels

    def _check_anything_left(self, tiles: Collection[int]) -> None:
        if self.missing.issuperset(tiles):
            raise Corrupt("no part of the image is intact")

    def _groups(self, numbers: Iterable[int], margin: int = 0) -> list[tuple[int, ...]]:
        return groups(self._grid, numbers, margin, self._transform.engine.pixels_at_once)

    def _latents(self, numbers: Sequence[int]) -> list[Latent]:
        """Decodes tiles of one size to latents ``[1, M, h, w]``; if one is damaged, decodes them one by one."""
        payloads = [payload for number in numbers if (payload := self._payloads[number]) is not None]
        tile = self._grid.tile(numbers[0])
        try:
            if len(payloads) < len(numbers):
                raise Corrupt("it is lost")
            decoded = self._pipeline.decode(payloads, (tile.height, tile.width), self._quality)
            return [decoded[index : index + 1] for index in range(len(numbers))]
        except Corrupt as error:
            if len(numbers) > 1:
                return [latent for number in numbers for latent in self._latents([number])]
            return [self._gray(numbers[0], error)]

    def _gray(self, number: int, error: Corrupt) -> Latent:
        """Returns the latent for a lost tile; without ``keep_going``, raises an error that names the tile."""
        if not self._keep_going:
            if len(self._grid) == 1:
                raise error
            raise Corrupt(f"tile {number + 1} of {len(self._grid)}: {error}") from error
        self.missing.add(number)
        size = self._grid.tile(number).padded(CELL).divided(PATCH)
        return self._transform.engine.zeros(1, size.height, size.width)
