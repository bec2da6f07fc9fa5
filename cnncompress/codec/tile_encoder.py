"""Encodes an image tile by tile; at most a few rows of tiles are in memory at a time.

A single pass rounds the output of the analysis, for as many tiles at once as the engine accepts. A `TileCoder` spends
more work on one tile after the other. It may request the *surroundings* of its tile: the neighbouring latents that the
synthesis will use. So it can measure exactly the pixels that a decoder will output.

A search for a quality encodes one image several times. A `SharedAnalysis` analyses it once for similar qualities. The
analysis transform depends on the quality by its gain, which is known, and by a bias of its first layer, which has
little effect. A latent analysed at a similar quality and multiplied by the ratio of the gains codes as well as a new
one (tests/codec/test_tile_encoder.py checks that).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cnncompress.bitstream.header import WHOLE
from cnncompress.codec.latents import UnroundedLatents
from cnncompress.codec.mosaic import LatentMosaic, groups, margins_of, pixels_in
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.tiles import TileGrid
from cnncompress.engines.interface import Latent
from cnncompress.model.receptive_field import Margins, analysis_margin
from cnncompress.units import HIGHEST_QUALITY, LOWEST_QUALITY, Hundredths

REACH = 400
"""Largest difference in quality, in hundredths, for which an earlier analysis is reused."""

ENDS = (LOWEST_QUALITY, HIGHEST_QUALITY)
"""Qualities that are always analysed again: they decide whether a target can be reached at all."""


@dataclass(frozen=True)
class CodedTile:
    """An encoded tile.

    Attributes:
        payload: Payload of its latent chunk.
        y_hat: Decoded latent, ``[1, M, h, w]``, the engine's array; None unless the coder uses surroundings.
    """

    payload: bytes
    y_hat: Latent | None = None


class TileTask:
    """One tile to encode."""

    def __init__(
        self,
        image: TiledImage,
        number: int,
        quality: Hundredths,
        neighbours: _Neighbours,
        report: Callable[[int], None],
    ) -> None:
        self._image = image
        self._neighbours = neighbours
        self.number = number
        self.quality = quality
        self.report = report
        """Called by the coder after each of its steps, with the number of steps done. Its exceptions end the work."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the tile in pixels."""
        tile = self._image.grid.tile(self.number)
        return tile.height, tile.width

    def pixels(self) -> NDArray[np.uint8]:
        """Returns the pixels of the tile without margins: uint8 ``[h, w, 3]``."""
        return pixels_in(self._image.pixels, self._image.grid.tile(self.number))

    def unrounded(self) -> UnroundedLatents:
        """Returns latent and hyper-latent of the tile before rounding."""
        return self._neighbours.unrounded(self.number)

    def single_pass(self) -> CodedTile:
        """Encodes the tile by rounding its latent."""
        (payload,) = self._image.single_pass(self.unrounded(), self.quality)
        return CodedTile(payload)

    def surroundings(self) -> tuple[Latent, Margins]:
        """Returns the latents that the synthesis uses: those of the tile and of a margin of the neighbouring tiles.

        Tiles already encoded are included as decoded; all others, with this one, as analysed. For that the next row of
        tiles is analysed early; it will not be analysed again.

        Returns:
            ``[1, M, h, w]``, the engine's array, in units of the base step; and the margins in latent positions.
        """
        return self._neighbours.window(self.number)


class TileCoder(Protocol):
    """Encodes tiles.

    Attributes:
        steps: Number of steps that it reports for a tile.
    """

    steps: int

    def __call__(self, task: TileTask) -> CodedTile:
        """Encodes a tile."""
        ...


class _Neighbours:
    """Latents of the tiles around the current one."""

    def __init__(self, image: TiledImage, quality: Hundredths) -> None:
        self._image = image
        self._quality = quality
        self._engine = image.pipeline.transform.engine
        self._latents = LatentMosaic(image.grid, self._engine)
        self._unrounded: dict[int, UnroundedLatents] = {}

    def unrounded(self, number: int) -> UnroundedLatents:
        if number not in self._unrounded:
            self._unrounded[number] = self._image.analyse((number,), self._quality)
        return self._unrounded[number]

    def window(self, number: int) -> tuple[Latent, Margins]:
        for tile in self._latents.needed([number]):
            if tile not in self._latents:
                self._latents.put(tile, self._engine.merge(self.unrounded(tile).y))
        return self._latents.windows([number])

    def coded(self, number: int, y_hat: Latent | None) -> None:
        self._unrounded.pop(number, None)
        if y_hat is not None:
            self._latents.put(number, y_hat)
            self._latents.forget_before(number + 1)


class TiledImage:
    """An image that is analysed and encoded tile by tile."""

    def __init__(self, pipeline: ImagePipeline, pixels: NDArray[np.uint8], side: int = WHOLE) -> None:
        """Analyses nothing yet.

        Args:
            pipeline: Pipeline of the model.
            pixels: uint8 ``[H, W, 3]``, RGB.
            side: Side of the tiles, see `cnncompress.codec.tiles`.
        """
        height, width, _ = pixels.shape
        self.pipeline = pipeline
        self.pixels = pixels
        self.grid = TileGrid(width, height, side)
        self._margin = analysis_margin(pipeline.transform.engine.config)

    def analyse(self, numbers: tuple[int, ...], quality: Hundredths) -> UnroundedLatents:
        """Analyses tiles, with the same result as if the whole image were analysed.

        Args:
            numbers: Numbers of tiles whose windows have the same size and margins.
            quality: Quality of the file.
        """
        transform = self.pipeline.transform
        if len(self.grid) == 1:
            return transform.analyse(self.pixels[None], quality)
        windows = [self.grid.window(number, self._margin) for number in numbers]
        pixels = np.stack([pixels_in(self.pixels, window.outer) for window in windows])
        return transform.analyse(pixels, quality, margins_of(windows[0], 1))

    def single_pass(self, unrounded: UnroundedLatents, quality: Hundredths) -> list[bytes]:
        """Rounds latents and returns their payloads."""
        found = self.pipeline.transform.quantise(unrounded, quality).latents
        with self.pipeline.transform.beside(len(found)) as beside:
            return beside.map(self.pipeline.pack, found)

    def encode(
        self, quality: Hundredths, code: TileCoder | None = None, progress: Progress = unwatched
    ) -> tuple[bytes, ...]:
        """Encodes all tiles.

        Args:
            quality: Quality of the file.
            code: Encodes a tile; None for a single pass.
            progress: Called after each step of the coder, or after each pass.

        Returns:
            Payloads of the latent chunks.
        """
        payloads: list[bytes] = []
        if code is not None:
            neighbours = _Neighbours(self, quality)
            for number in range(len(self.grid)):
                report = _report_of_tile(number, len(self.grid), code.steps, progress)
                coded = code(TileTask(self, number, quality, neighbours, report))
                payloads.append(coded.payload)
                neighbours.coded(number, coded.y_hat)
            return tuple(payloads)
        engine = self.pipeline.transform.engine
        for numbers in groups(self.grid, range(len(self.grid)), self._margin, engine.pixels_at_once):
            payloads += self.single_pass(self.analyse(numbers, quality), quality)
            progress(len(payloads), len(self.grid))
        return tuple(payloads)


def _report_of_tile(number: int, tiles: int, steps: int, progress: Progress) -> Callable[[int], None]:
    return lambda done: progress(number * steps + done, tiles * steps)


class SharedAnalysis(TiledImage):
    """Encodes one image at any number of qualities, and analyses its tiles as rarely as possible.

    The payloads of the first quality are the same as those of a `TiledImage`; those of others are nearly the same. All
    analysed latents are kept, about six bytes per pixel.
    """

    def __init__(self, pipeline: ImagePipeline, pixels: NDArray[np.uint8], side: int = WHOLE) -> None:
        """Analyses nothing yet.

        Args:
            pipeline: Pipeline of the model.
            pixels: uint8 ``[H, W, 3]``, RGB.
            side: Side of the tiles.
        """
        super().__init__(pipeline, pixels, side)
        self._analysed: dict[tuple[int, ...], tuple[Hundredths, UnroundedLatents]] = {}

    def analyse(self, numbers: tuple[int, ...], quality: Hundredths) -> UnroundedLatents:
        """Analyses tiles, or rescales an earlier analysis at another quality.

        Args:
            numbers: Numbers of the tiles.
            quality: Quality of the file.
        """
        if numbers not in self._analysed or not _serves(self._analysed[numbers][0], quality):
            self._analysed[numbers] = quality, super().analyse(numbers, quality)
        analysed_at, unrounded = self._analysed[numbers]
        if quality != analysed_at:
            unrounded = self.pipeline.transform.at_other_quality(unrounded, analysed_at, quality)
        return unrounded


def _serves(analysed_at: Hundredths, quality: Hundredths) -> bool:
    return quality == analysed_at or (quality not in ENDS and abs(quality - analysed_at) <= REACH)
