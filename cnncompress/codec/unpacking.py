"""Decodes .cnc files of any coding; all interfaces use this module.

Losses are returned as values. `cnncompress.api.callers` turns them into warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from cnncompress.bitstream.ancillary import Metadata, read_metadata
from cnncompress.bitstream.container import ChunkType, Container
from cnncompress.bitstream.reading import ParsedFile, salvage
from cnncompress.codec.memory import plain_bytes
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.stages import NoStopwatch, Stopwatch
from cnncompress.codec.tiles import TileGrid
from cnncompress.errors import Corrupt, ImageError, LimitExceeded
from cnncompress.files.inputs import FileSource, whole_file
from cnncompress.images.avif import decode_avif
from cnncompress.images.formats import sniff
from cnncompress.images.limits import Limits
from cnncompress.images.planes import decode_alpha, decode_image
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import Plane
from cnncompress.images.view import View
from cnncompress.images.write import to_image


class Colours(NamedTuple):
    """Colours decoded from latents.

    Attributes:
        plane: uint8 ``[h, w, 3]``, RGB, of the view.
        missing: Numbers of the damaged tiles, which are gray.
    """

    plane: Plane
    missing: Collection[int] = ()


class LatentDecoder(Protocol):
    """Decodes the latents of one model."""

    def colours(self, parsed: ParsedFile, view: View, progress: Progress) -> Colours:
        """Decodes the tiles that a view needs.

        Raises:
            UnknownModel: The latents are of another model.
            LimitExceeded: Decoding would take too much memory.
            Corrupt: A tile is damaged; if the file may be damaged, all needed tiles are.
        """
        ...


@dataclass(frozen=True)
class OriginalFile:
    """An original file stored in a .cnc file.

    Attributes:
        data: Contents of the file, unchanged.
        format: Usual ending of its format, such as ``jpg``.
    """

    data: bytes
    format: str


@dataclass(frozen=True)
class Decoded:
    """A decoded picture, and its losses.

    Attributes:
        image: Picture of mode 1, L, LA, RGB or RGBA, with ``icc_profile``, ``exif`` and ``xmp`` in its ``info``.
        feature_losses: One line for each feature of a stored original that its picture lacks.
        parts_lost: One line for each missing part of a damaged file.
    """

    image: Image.Image
    feature_losses: tuple[str, ...] = ()
    parts_lost: tuple[str, ...] = ()


def parse(source: FileSource, *, keep_going: bool = False) -> ParsedFile:
    """Splits a file into its chunks.

    Args:
        source: Contents of the file, its path, or a binary stream.
        keep_going: Whether the file may be damaged; its intact parts are then used.

    Raises:
        TypeError, UnreadableImage: As for `cnncompress.files.inputs.whole_file`.
        BitstreamError: The file is damaged; with ``keep_going``, no part of it is intact.
    """
    data = whole_file(source)
    return salvage(data) if keep_going else ParsedFile.whole(data)


def original_of(container: Container) -> OriginalFile | None:
    """Returns the original file that is stored in a .cnc file; None if there is none.

    Raises:
        Corrupt: Its first bytes are not those of an image.
    """
    if container.coding != "stored":
        return None
    data = container.payload(ChunkType.ORIGINAL)
    kind = sniff(data)
    if kind in (None, "cnc"):
        raise Corrupt("the stored original cannot be read: it is not an image")
    return OriginalFile(data, kind)


def decode(
    parsed: ParsedFile,
    view: View,
    limits: Limits,
    decoder: Callable[[bytes], LatentDecoder],
    progress: Progress = unwatched,
    stopwatch: Stopwatch = NoStopwatch(),  # noqa: B008 - has no state
) -> Decoded:
    """Decodes a file.

    Args:
        parsed: The file.
        view: Region and scale to decode.
        limits: Limits on the image.
        decoder: Returns the decoder for the latents of a model, by its fingerprint. Called if the file has latents.
        progress: Called after each tile, with the number of tiles done and their total.
        stopwatch: Measures the stage "image": everything but the latents.

    Raises:
        LimitExceeded: The image is too large.
        OutsideImage: The view is not within the image.
        BitstreamError: The file is damaged; if it may be damaged, no part of the image is intact.
        ModelError, DeviceError: As raised by `decoder`.
    """
    container = parsed.container
    header = container.header
    limits.check_size(header.width, header.height)
    view.area(header.width, header.height)  # raises before any work is done
    if container.coding == "learned":
        colours = decoder(header.fingerprint).colours(parsed, view, progress)
        with stopwatch.stage("image"):
            return _with_the_rest(parsed, colours, view)
    limits.check_memory(plain_bytes(header.width * header.height))
    original = original_of(container)
    if original is not None:
        return _stored(parsed, original, view, limits)
    if container.coding == "avif":
        plane = decode_avif(container.payload(ChunkType.AVIF), header.width, header.height, header.layout)
        decoded = _with_the_rest(parsed, Colours(plane), View())
        return replace(decoded, image=view.of(decoded.image))
    planes = decode_image(container.payload(ChunkType.LOSSLESS), header.width, header.height, header.layout)
    metadata, lost = _metadata(parsed)
    return Decoded(view.of(to_image(*planes, header.layout, metadata)), parts_lost=(*parsed.parts_lost, *lost))


def _with_the_rest(parsed: ParsedFile, colours: Colours, view: View) -> Decoded:
    """Adds the alpha plane and metadata to lossy colours."""
    layout = parsed.container.header.layout
    alpha, alpha_lost = _alpha(parsed, view) if layout.has_alpha else (None, ())
    metadata, metadata_lost = _metadata(parsed)
    tiles_lost = _tiles(TileGrid.of(parsed.container.header), colours.missing)
    return Decoded(
        to_image(colours.plane, alpha, layout, metadata),
        parts_lost=(*parsed.parts_lost, *tiles_lost, *alpha_lost, *metadata_lost),
    )


def _stored(parsed: ParsedFile, original: OriginalFile, view: View, limits: Limits) -> Decoded:
    """Reads a stored original like any input: upright, in 8 bits."""
    header = parsed.container.header
    settings = ImageSettings(limits=replace(limits, max_pixels=header.width * header.height))
    try:
        image = read_image(original.data, settings)
    except (ImageError, LimitExceeded) as error:
        raise Corrupt(f"the stored original cannot be read: {error}") from error
    if image.size != (header.width, header.height):
        raise Corrupt(
            f"the stored original has {image.size[0]}x{image.size[1]} pixels, not {header.width}x{header.height}"
        )
    shown = view.of(to_image(image.colour, image.alpha, image.layout, image.metadata))
    return Decoded(shown, image.losses, (*parsed.parts_lost, *image.damage))


def _alpha(parsed: ParsedFile, view: View) -> tuple[Plane, tuple[str, ...]]:
    container = parsed.container
    lost: tuple[str, ...] = ()
    width, height = container.header.width, container.header.height
    try:
        plane = decode_alpha(container.payload(ChunkType.ALPHA), width, height)
    except (Corrupt, KeyError):  # KeyError: the chunk is lost
        if not parsed.salvaged:
            raise
        plane, lost = np.full((height, width), 255, np.uint8), ("the alpha plane is lost, and everything opaque",)
    return plane if view.is_whole else np.asarray(view.of(Image.fromarray(plane))), lost


def _metadata(parsed: ParsedFile) -> tuple[Metadata, tuple[str, ...]]:
    try:
        return read_metadata(parsed.container), ()
    except Corrupt:
        if not parsed.salvaged:
            raise
        return Metadata(), ("the metadata are lost",)


def _tiles(grid: TileGrid, missing: Collection[int]) -> tuple[str, ...]:
    tiles = ((number, grid.tile(number)) for number in sorted(missing))
    return tuple(
        f"tile {number + 1} of {len(grid)} is lost and left gray: {tile.width}x{tile.height} pixels from "
        f"{tile.left},{tile.top}"
        for number, tile in tiles
    )
