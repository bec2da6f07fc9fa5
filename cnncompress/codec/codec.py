"""The class `Codec`: a loaded model, and what it does with images and files.

Torch is imported when a model is loaded. The file is as long as it is because half of it tells what arguments mean.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING

from PIL import Image

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.bitstream.container import MAX_SIDE
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.memory import decoding_bytes, encoding_bytes
from cnncompress.codec.packing import (
    Decoded,
    pack_learned,
    pack_lossless,
    parse,
    read_planes,
    unpack_file,
    unpack_image,
    unpack_learned,
    warn_of_missing_tiles,
)
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.rate_search import reach
from cnncompress.codec.refinement.levels import EFFORTS, MAX_EFFORT
from cnncompress.codec.targets import Target
from cnncompress.codec.tiles import TileGrid, check_tile_count, choose_side
from cnncompress.errors import UnknownModel
from cnncompress.files import FileSource
from cnncompress.images.settings import DEFAULT_MAX_PIXELS, DEFAULT_MEMORY_LIMIT, ImageSettings, Limits, check_memory
from cnncompress.images.source import ImageSource, Plane
from cnncompress.images.view import View, parse_view
from cnncompress.model.manifest import find_weights

if TYPE_CHECKING:
    from cnncompress.codec.latents import Stopwatch
    from cnncompress.codec.refinement.search import Refiner
    from cnncompress.codec.tile_encoder import TileCoder
    from cnncompress.model.config import ModelConfig
    from cnncompress.model.devices import Precision

DEFAULT_QUALITY = 60.0


class Codec:
    """A loaded model, for any number of images.

    Threads may share a codec: coding keeps no state between calls.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        device: str = "auto",
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        max_dim: int = MAX_SIDE,
        memory_limit: int = DEFAULT_MEMORY_LIMIT,
        precision: Precision = "auto",
        stopwatch: Stopwatch | None = None,
    ) -> None:
        """Loads a model.

        Args:
            model: Name of an installed model, path of a weights file, or None for the default.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            max_pixels: Largest width times height that is coded or decoded.
            max_dim: Longest side that is coded or decoded.
            memory_limit: Bytes that an image may take beside program, model and file; what it will take is told from
                its size, before it is read. Neither files nor pixels depend on it.
            precision: What the networks compute in: ``fp32``, ``bf16``, or ``auto``, which is fp32. Any of them decodes
                the files of any other.
            stopwatch: Told of the stages "image", "analysis", "hyper", "context", "synthesis" and "rans".

        Raises:
            ModelError: The model is unknown or its file is damaged.
            DeviceError: The device is not there.
        """
        chosen = os.fspath(model) if isinstance(model, os.PathLike) else model
        find_weights(chosen)  # before torch is imported, which takes its time

        from cnncompress.codec.latents import LatentTransform, NoStopwatch
        from cnncompress.codec.pipeline import ImagePipeline
        from cnncompress.entropy.coder import EntropyModel
        from cnncompress.model.devices import autocast_for, resolve_device
        from cnncompress.model.weights import load_weights

        self.device = resolve_device(device)
        autocast_for(precision, self.device)  # refuses what there is not
        self.precision = precision
        self.limits = Limits(max_pixels, max_dim, memory_limit)
        self._stopwatch = stopwatch or NoStopwatch()
        weights = load_weights(chosen)
        self.model = weights.name
        self.fingerprint = weights.fingerprint
        transform = LatentTransform(weights.network, weights.scales, self.device, self._stopwatch)
        self._pipeline = ImagePipeline(transform, EntropyModel(weights.tables))
        self._tables = weights.tables

    def compress(
        self,
        image: ImageSource,
        quality: float | None = None,
        *,
        target: Target | None = None,
        effort: int = 0,
        settings: ImageSettings | None = None,
        source: SourceRecord | None = None,
        tile: int | None = None,
        progress: Progress = unwatched,
    ) -> bytes:
        """Compresses an image.

        An image with one bit a sample or a palette is coded without loss as well, and the shorter file is returned.

        Args:
            image: Path, encoded bytes, Pillow image, uint8 array ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]``, or what
                `read_image` returned, for which ``settings`` do nothing and nobody is warned.
            quality: 0 (smallest) .. 100 (best), kept in hundredths; 60 if there is no target.
            target: What the file shall come to, in the place of a quality, which is then searched for.
            effort: 0 (a single pass) .. 9 (smallest file); what is saved and how long it takes is in docs/EFFORT.md.
            settings: How to read the image; by default as it is, within the codec's own limits.
            source: Ending and size of the image's file, to be kept in the file.
            tile: Side of the tiles that the image is cut into, 64, 128, .. 16384 pixels, or 0 for one tile; by default
                images of more than two megapixels get tiles of 1024. Tiles bound the memory, and parts of the image can
                be decoded without the rest.
            progress: Called with the steps done and their total after each: tiles, times the rounds of effort on each.
                `StopRefining` raised by it ends the effort, and what was found so far becomes the file.

        Returns:
            A .cnc file.

        Warns:
            FeatureLoss: Something about the image cannot be carried.

        Raises:
            TypeError: Image or quality is of a type that it cannot have.
            ValueError: Quality or effort is out of its range, or there are both a quality and a target.
            ImageError: The image cannot be read or is of a kind that the codec does not carry.
            LimitExceeded: It is too large.
            Unreachable: No quality meets the target.
        """
        from cnncompress.codec.tile_encoder import SharedAnalysis, TiledImage

        chosen = _chosen_hundredths(quality, target)
        if effort not in range(MAX_EFFORT + 1):
            raise ValueError(f"effort is {effort}, must be within 0 .. {MAX_EFFORT}")
        with self._stopwatch.stage("image"):
            settings = settings or self._settings()
            planes = read_planes(image, settings)
            lossless = pack_lossless(planes, source) if planes.is_graphic else None
        side = choose_side(*planes.size, tile)
        tiles = (TiledImage if target is None else SharedAnalysis)(self._pipeline, planes.colour, side)
        check_tile_count(tiles.grid)
        needed = encoding_bytes(tiles.grid, self._config, shared=target is not None, refined=effort > 0)
        # Nor shall there be files that the same limit does not let anybody open again.
        needed = max(needed, decoding_bytes(tiles.grid, planes.layout, View(), self._config))
        check_memory(needed, settings.memory_limit)
        code = self._tile_coder(effort)

        def file_at(hundredths: int) -> bytes:
            latents = tiles.encode(hundredths, code, progress)
            with self._stopwatch.stage("image"):
                return pack_learned(planes, latents, hundredths, self.fingerprint, source, side)

        def colours_of(data: bytes) -> Plane:
            return self._colours(ParsedFile.whole(data))

        with self._computing():
            data = file_at(chosen) if target is None else reach(target, planes, file_at, colours_of, lossless)
        return data if lossless is None else min(lossless, data, key=len)

    def decompress(
        self,
        data: FileSource,
        *,
        crop: tuple[int, int, int, int] | None = None,
        scale: float = 1.0,
        keep_going: bool = False,
        progress: Progress = unwatched,
    ) -> Image.Image:
        """Decompresses a .cnc file that was made with this codec's model, or with none.

        Args:
            data: The whole file, or its path.
            crop: Columns from the left, rows from the top, width and height of the part that is wanted. Only the tiles
                that it needs are decoded; its pixels are those that it has in the whole image.
            scale: 1, or 1/2, 1/4 or 1/8 for a preview, which takes about half the time. Not with a crop.
            keep_going: Whether a damaged or truncated file is decoded as far as it goes, gray where tiles are missing.
            progress: Called with the tiles done and their total after each tile.

        Returns:
            Image of mode 1, L, LA, RGB or RGBA, as it went in, with ``icc_profile``, ``exif`` and ``xmp`` in its
            ``info`` if it had them.

        Warns:
            FeatureLoss: A stored original is of a kind that is not read without loss; `decompress_file` gives it back.
            PartLost: A part of a damaged file is missing, once for each, with its place; or bytes follow its end.

        Raises:
            TypeError: What is given as the file is neither bytes nor a path.
            UnreadableImage: There is no such file, or it cannot be read.
            ValueError: Crop or scale are out of their range.
            OutsideImage: The image does not reach as far as the crop.
            BitstreamError: The file is damaged, foreign or too new; nothing is left of it, if it is to be decoded all
                the same.
            UnknownModel: It was made with another model.
            LimitExceeded: The image is too large.
        """
        parsed, view = parse(data, keep_going), parse_view(crop, scale)
        image = unpack_image(parsed.container, view, self.limits)
        return image or self.decode(parsed, view, keep_going, progress)

    def decompress_file(
        self,
        data: FileSource,
        *,
        view: View = View(),  # noqa: B008 - frozen
        keep_going: bool = False,
        progress: Progress = unwatched,
    ) -> Decoded:
        """Decompresses a .cnc file as `decompress` does, but gives a stored original back bit for bit.

        Args:
            data: The whole file, or its path.
            view: What is wanted of the image; anything but all of it makes an image of a stored original.
            keep_going: As for `decompress`.
            progress: As for `decompress`.
        """
        parsed = parse(data, keep_going)
        found = unpack_file(parsed.container, view, self.limits)
        return found or self.decode(parsed, view, keep_going, progress)

    def decode(
        self,
        parsed: ParsedFile,
        view: View = View(),  # noqa: B008 - frozen
        keep_going: bool = False,
        progress: Progress = unwatched,
    ) -> Image.Image:
        """Does the part of `decompress` that needs the network.

        Args:
            parsed: The file, which has latents, and pixels within the limits.
            view: What is wanted of the image.
            keep_going: As for `decompress`.
            progress: As for `decompress`.
        """
        header = parsed.container.header
        check_memory(decoding_bytes(TileGrid.of(header), header.layout, view, self._config), self.limits.memory)
        if header.fingerprint != self.fingerprint:
            raise UnknownModel(
                f"made with model {header.fingerprint.hex()}, not with {self.fingerprint.hex()} ({self.model})"
            )
        with self._computing():
            colour = self._colours(parsed, view, keep_going, progress)
        with self._stopwatch.stage("image"):
            return unpack_learned(parsed.container, colour, view, keep_going=keep_going)

    def _colours(
        self,
        parsed: ParsedFile,
        view: View = View(),  # noqa: B008 - frozen
        keep_going: bool = False,
        progress: Progress = unwatched,
    ) -> Plane:
        from cnncompress.codec.tile_decoder import TileDecoder

        header = parsed.container.header
        tiles = TileDecoder(
            self._pipeline,
            TileGrid.of(header),
            parsed.tiles,
            header.quality_hundredths,
            keep_going=keep_going,
            progress=progress,
        )
        area = view.area(header.width, header.height)
        colour = tiles.decode(area) if view.factor == 1 else tiles.preview(view.factor)
        warn_of_missing_tiles(TileGrid.of(header), tiles.missing)
        return colour

    def _settings(self) -> ImageSettings:
        limits = self.limits
        return ImageSettings(max_pixels=limits.max_pixels, max_dim=limits.max_dim, memory_limit=limits.memory)

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

        return autocast_for(self.precision, self.device)


def _chosen_hundredths(quality: float | None, target: Target | None) -> int:
    """Returns the quality to code at, in hundredths; where there is a target, it does not count."""
    if quality is not None and target is not None:
        raise ValueError(f"there are both a quality, {quality}, and a target, which asks for a quality of its own")
    chosen = DEFAULT_QUALITY if quality is None else quality
    if not isinstance(chosen, Real):
        raise TypeError(f"quality is {chosen!r}, must be a number within 0 .. 100")
    if not 0 <= chosen <= 100:
        raise ValueError(f"quality is {chosen}, must be within 0 .. 100")
    return round(chosen * 100)
