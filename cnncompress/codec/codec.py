"""A model in memory, and what it makes of images and files. Torch is imported when a model is loaded."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.memory import decoding_bytes, encoding_bytes
from cnncompress.codec.packing import pack_learned, pack_lossless
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.rate_search import reach
from cnncompress.codec.refinement.levels import EFFORTS
from cnncompress.codec.stopwatch import NoStopwatch, Stopwatch
from cnncompress.codec.targets import Target
from cnncompress.codec.tiles import TileGrid, check_tile_count, choose_side
from cnncompress.codec.unpacking import Colours
from cnncompress.errors import UnknownModel
from cnncompress.images.limits import Limits
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.view import View
from cnncompress.model.manifest import find_weights
from cnncompress.units import Hundredths

if TYPE_CHECKING:
    from cnncompress.codec.refinement.search import Refiner
    from cnncompress.codec.tile_encoder import TileCoder
    from cnncompress.model.config import ModelConfig
    from cnncompress.model.devices import Precision


class ModelCodec:
    """Codes images with one model. Keeps no state between calls: threads may share it.

    Attributes:
        model: Name of the model.
        fingerprint: First 4 bytes of the SHA-256 of its weights.
        device: Where it runs.
        limits: How large an image may be.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None,
        device: str,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        precision: Precision = "auto",
        threads: int | None = None,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: As for `cnncompress.Codec`.
            device: As for `cnncompress.Codec`.
            limits: How large an image may be.
            precision: As for `cnncompress.Codec`.
            threads: Threads of the whole process, for one image; None leaves them as they are.
            stopwatch: Told of the stages.

        Raises:
            ModelError, DeviceError: As for `cnncompress.Codec`.
        """
        chosen = os.fspath(model) if isinstance(model, os.PathLike) else model
        find_weights(chosen)  # before torch is imported, which takes its time

        from cnncompress.codec.latents import LatentTransform
        from cnncompress.codec.pipeline import ImagePipeline
        from cnncompress.entropy.coder import EntropyModel
        from cnncompress.model.devices import autocast_for, limit_threads, resolve_device
        from cnncompress.model.weights import load_weights

        if threads is not None:
            limit_threads(threads)
        self.device = resolve_device(device)
        autocast_for(precision, self.device)  # raises for an unknown precision
        self.limits = limits
        self._precision = precision
        self._stopwatch = stopwatch or NoStopwatch()
        weights = load_weights(chosen)
        self.model = weights.name
        self.fingerprint = weights.fingerprint
        transform = LatentTransform(weights.network, weights.scales, self.device, self._stopwatch)
        self._pipeline = ImagePipeline(transform, EntropyModel(weights.tables))
        self._tables = weights.tables

    def encode(
        self,
        image: SourceImage,
        quality: Hundredths | Target,
        *,
        effort: int = 0,
        source: SourceRecord | None = None,
        tile: int | None = None,
        progress: Progress = unwatched,
    ) -> bytes:
        """Makes a .cnc file; the shorter of two if the image is a drawing, which is coded without loss as well.

        Args:
            image: What is coded.
            quality: A quality, or the target that one is searched for.
            effort: 0 .. 9.
            source: Kept in the file.
            tile: Side of the tiles, None to choose.
            progress: Called after each step.

        Raises:
            LimitExceeded: It would take too much memory, or has too many tiles.
            Unreachable: No quality meets the target.
        """
        from cnncompress.codec.tile_encoder import SharedAnalysis, TiledImage

        searches = isinstance(quality, Target)
        with self._stopwatch.stage("image"):
            lossless = pack_lossless(image, source) if image.is_graphic else None
        side = choose_side(*image.size, tile)
        tiles = (SharedAnalysis if searches else TiledImage)(self._pipeline, image.colour, side)
        check_tile_count(tiles.grid)
        needed = encoding_bytes(tiles.grid, self._config, shared=searches, refined=effort > 0)
        # Refuse to write what could not be decoded within the same limit.
        needed = max(needed, decoding_bytes(tiles.grid, image.layout, View(), self._config))
        self.limits.check_memory(needed)
        code = self._tile_coder(effort)

        def file_at(hundredths: Hundredths) -> bytes:
            latents = tiles.encode(hundredths, code, progress)
            with self._stopwatch.stage("image"):
                return pack_learned(image, latents, hundredths, self.fingerprint, source, side)

        def colours_of(data: bytes) -> Plane:
            return self._colours(ParsedFile.whole(data), View(), unwatched).plane

        with self._computing():
            if isinstance(quality, Target):
                data = reach(quality, image, file_at, colours_of, lossless)
            else:
                data = file_at(quality)
        return data if lossless is None else min(lossless, data, key=len)

    def colours(self, parsed: ParsedFile, view: View, progress: Progress) -> Colours:
        """Decodes the tiles that a view needs; errors as in `cnncompress.codec.unpacking.LatentDecoder`."""
        header = parsed.container.header
        self.limits.check_memory(decoding_bytes(TileGrid.of(header), header.layout, view, self._config))
        if header.fingerprint != self.fingerprint:
            raise UnknownModel(
                f"made with model {header.fingerprint.hex()}, not with {self.fingerprint.hex()} ({self.model})"
            )
        with self._computing():
            return self._colours(parsed, view, progress)

    def _colours(self, parsed: ParsedFile, view: View, progress: Progress) -> Colours:
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
        plane = tiles.decode(area) if view.factor == 1 else tiles.preview(view.factor)
        return Colours(plane, tiles.missing)

    @cached_property
    def _refiner(self) -> Refiner:
        from cnncompress.codec.refinement.search import Refiner

        return Refiner(self._pipeline, self._tables)

    def _tile_coder(self, effort: int) -> TileCoder | None:
        if effort == 0:
            return None
        from cnncompress.codec.refinement.search import RefiningCoder

        return RefiningCoder(self._refiner, EFFORTS[effort])

    @property
    def _config(self) -> ModelConfig:
        return self._pipeline.transform.network.config

    def _computing(self) -> AbstractContextManager[None]:
        from cnncompress.model.devices import autocast_for

        return autocast_for(self._precision, self.device)
