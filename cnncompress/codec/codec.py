"""Encodes and decodes images with one loaded model and its engine."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.bitstream.container import ChunkType
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.memory import decoding_bytes, encoding_bytes
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.codec.packing import pack_colours
from cnncompress.codec.progress import Progress, not_stopping, unwatched
from cnncompress.codec.rate_search import reach
from cnncompress.codec.refinement.levels import EFFORTS
from cnncompress.codec.stages import NoStopwatch, Stopwatch
from cnncompress.codec.targets import Target
from cnncompress.codec.tiles import CELL, TileGrid, check_tile_count, choose_side
from cnncompress.codec.unpacking import Colours
from cnncompress.errors import UnknownModel
from cnncompress.forking import watch_forks
from cnncompress.images.limits import Limits
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.view import View
from cnncompress.units import Hundredths

if TYPE_CHECKING:
    from cnncompress.codec.bit_map import BitMap
    from cnncompress.codec.refinement.search import Refiner
    from cnncompress.codec.tile_encoder import TileCoder, TiledImage
    from cnncompress.engines.interface import Engine
    from cnncompress.model.config import ModelConfig

_OVERFLOWS = partial(np.errstate, over="ignore", invalid="ignore")
"""Used where values of an unusual model may overflow. The encoder checks for that, so NumPy need not warn."""


class ModelCodec:
    """Encodes and decodes images with one model. Keeps no state between calls; threads may share it.

    Attributes:
        model: Name of the model.
        engine: Name of the engine, ``ncnn`` or ``torch``.
        fingerprint: First 4 bytes of the SHA-256 of its weights.
        device: Device, such as ``cpu`` or ``cuda:0``.
        limits: Limits on images.
        typical: Average rate and PSNR of the model by quality.
    """

    def __init__(
        self,
        settings: ModelSettings,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Loads a model.

        Args:
            settings: Names the model, and how it is run.
            limits: Limits on images.
            stopwatch: Measures the stages.

        Raises:
            ModelError, DeviceError, MissingPackage: As for `cnncompress.Codec`.
        """
        from cnncompress.engines.choice import load_engine
        from cnncompress.model.weights import load_weights

        self._weights = load_weights(settings.model)
        self.model = self._weights.name
        self.fingerprint = self._weights.fingerprint
        self.typical = self._weights.typical
        self.limits = limits
        self.stopwatch = stopwatch or NoStopwatch()
        self._run_on(load_engine(self._weights, settings.engine, settings.device, settings.precision, settings.threads))

    def _run_on(self, engine: Engine) -> None:
        from cnncompress.codec.latents import LatentTransform
        from cnncompress.codec.pipeline import ImagePipeline
        from cnncompress.entropy.coder import EntropyModel

        watch_forks(engine)
        self._engine = engine
        self.engine, self.device = engine.name, engine.device
        transform = LatentTransform(engine, self._weights.scales, self.stopwatch)
        self._pipeline = ImagePipeline(transform, EntropyModel(self._weights.tables))

    def coder(
        self,
        image: SourceImage,
        settings: EncodeSettings,
        limits: Limits,
        source: SourceRecord | None = None,
        progress: Progress = unwatched,
        *,
        searches: bool = False,
    ) -> LearnedCoder:
        """Prepares to encode an image.

        Args:
            image: The image.
            settings: Effort and side of the tiles.
            limits: Limit on memory.
            source: Source record for the files.
            progress: Called after each step.
            searches: Whether the image will be encoded at several qualities; its latents are then kept.

        Raises:
            LimitExceeded: The image would take too much memory, or has too many tiles.
        """
        from cnncompress.codec.tile_encoder import SharedAnalysis, TiledImage

        side = choose_side(*image.size, settings.tile)
        tiles = (SharedAnalysis if searches else TiledImage)(self._pipeline, image.colour, side)
        check_tile_count(tiles.grid)
        needed = encoding_bytes(tiles.grid, self._config, shared=searches, refined=settings.effort > 0)
        # Files that could not be decoded within the same limit must not be written.
        needed = max(needed, decoding_bytes(tiles.grid, image.layout, View(), self._config))
        limits.check_memory(needed)
        watched = progress if settings.effort else not_stopping(progress)
        return LearnedCoder(self, image, tiles, self._tile_coder(settings.effort), source, watched)

    def colours(self, parsed: ParsedFile, view: View, progress: Progress = unwatched) -> Colours:
        """Decodes the tiles that a view needs; errors as in `cnncompress.codec.unpacking.LatentDecoder`."""
        self._check(parsed, view)
        from cnncompress.codec.tile_decoder import TileDecoder

        header = parsed.container.header
        tiles = TileDecoder(
            self._pipeline,
            TileGrid.of(header),
            parsed.tiles,
            header.quality_hundredths,
            keep_going=parsed.salvaged,
            progress=progress,
        )
        area = view.area(header.width, header.height)
        with _OVERFLOWS():
            plane = tiles.decode(area) if view.factor == 1 else tiles.preview(view.factor)
        return Colours(plane, tiles.missing)

    @property
    def pixels_at_once(self) -> int:
        """Largest number of pixels of a batch, see `cnncompress.engines.interface.Engine`."""
        return self._engine.pixels_at_once

    def code_together(self, coders: Sequence[LearnedCoder], quality: Hundredths) -> None:
        """Encodes images as a batch. Afterwards `LearnedCoder.file_at` of each returns its file.

        Args:
            coders: Coders of this codec, without effort, for images of one tile and one extended size.
            quality: Quality of all files.

        Raises:
            InvalidModel: The networks overflow for one of the images.
        """
        from cnncompress.codec.mosaic import pixels_in

        padded = coders[0].grid.image.padded(CELL)
        with _OVERFLOWS():
            pixels = np.stack([pixels_in(coder.tiles.pixels, padded) for coder in coders])
            unrounded = self._pipeline.transform.analyse(pixels, quality)
            payloads = coders[0].tiles.single_pass(unrounded, quality)
        for coder, payload in zip(coders, payloads, strict=True):
            coder.take((payload,), quality)

    def colours_together(self, files: Sequence[ParsedFile]) -> list[Colours]:
        """Decodes images as a batch.

        Args:
            files: Files of one quality, with images of one tile and one extended size.

        Raises:
            LimitExceeded: An image would take too much memory.
            UnknownModel: A file was made with another model.
            Corrupt: A file is damaged.
        """
        for parsed in files:
            self._check(parsed, View())
        headers = [parsed.container.header for parsed in files]
        padded, quality = TileGrid.of(headers[0]).image.padded(CELL), headers[0].quality_hundredths
        payloads = [parsed.container.payload(ChunkType.LATENTS) for parsed in files]
        size = padded.height, padded.width
        with _OVERFLOWS():
            latents = self._pipeline.decode(payloads, size, quality)
            planes = self._pipeline.transform.synthesise(latents, *size, quality)
        # Copies, so that a picture that is kept does not keep its whole batch in memory.
        return [Colours(plane[: h.height, : h.width].copy()) for plane, h in zip(planes, headers, strict=True)]

    def bit_map(self, parsed: ParsedFile) -> BitMap:
        """Counts the bits of each block of a file; no float network runs.

        Raises:
            LimitExceeded: The image is too large.
            UnknownModel: The file was made with another model.
            Corrupt: A tile is damaged.
        """
        header = parsed.container.header
        self.limits.check_size(header.width, header.height)
        self._check(parsed, View())
        from cnncompress.codec.bit_map import BitCounter

        payloads = parsed.container.payloads(ChunkType.LATENTS)
        counter = BitCounter(self._pipeline, self._weights.tables)
        return counter.count(TileGrid.of(header), payloads, header.quality_hundredths)

    def _check(self, parsed: ParsedFile, view: View) -> None:
        header = parsed.container.header
        self.limits.check_memory(decoding_bytes(TileGrid.of(header), header.layout, view, self._config))
        found = header.fingerprint
        if found != self.fingerprint:
            raise UnknownModel(f"made with model {found.hex()}, not with {self.fingerprint.hex()} ({self.model})")

    @cached_property
    def _refiner(self) -> Refiner:
        from cnncompress.codec.refinement.search import Refiner

        return Refiner(self._pipeline, self._weights)

    def _tile_coder(self, effort: int) -> TileCoder | None:
        if effort == 0:
            return None
        from cnncompress.codec.refinement.search import RefiningCoder

        return RefiningCoder(self._refiner, EFFORTS[effort])

    @property
    def _config(self) -> ModelConfig:
        return self._weights.config


class LearnedCoder:
    """Encodes one image with a model, at any quality.

    Attributes:
        codec: The model.
        tiles: The image.
    """

    def __init__(
        self,
        codec: ModelCodec,
        image: SourceImage,
        tiles: TiledImage,
        code: TileCoder | None,
        source: SourceRecord | None,
        progress: Progress,
    ) -> None:
        self.codec = codec
        self.tiles = tiles
        self._image = image
        self._payloads: dict[Hundredths, tuple[bytes, ...]] = {}
        self._code = code
        self._source = source
        self._progress = progress

    def file_at(self, quality: Hundredths) -> bytes:
        """Returns the .cnc file of a quality."""
        codec, side = self.codec, self.grid.side
        latents = self._payloads.get(quality)
        if latents is None:
            with _OVERFLOWS():
                latents = self.tiles.encode(quality, self._code, self._progress)
        with codec.stopwatch.stage("image"):
            kind = ChunkType.LATENTS
            return pack_colours(self._image, kind, latents, quality, codec.fingerprint, self._source, side)

    @property
    def grid(self) -> TileGrid:
        """Tiles of the image."""
        return self.tiles.grid

    @property
    def pixels_at_once(self) -> int:
        """Largest number of pixels of a batch with this image; 0 if it cannot be part of one."""
        return self.codec.pixels_at_once if len(self.grid) == 1 and self._code is None else 0

    def take(self, payloads: tuple[bytes, ...], quality: Hundredths) -> None:
        """Stores the payloads of a quality that were encoded in a batch."""
        self._payloads[quality] = payloads

    def file_for(self, target: Target) -> bytes:
        """Searches for the quality that meets a target; see `cnncompress.codec.rate_search`."""
        return reach(target, self.codec.typical, self._image, self.file_at, self.colours_of)

    def colours_of(self, data: bytes) -> Plane:
        """Decodes the colours of one of its files: uint8 ``[H, W, 3]``."""
        return self.codec.colours(ParsedFile.whole(data), View()).plane
