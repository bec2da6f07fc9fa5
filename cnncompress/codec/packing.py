"""Puts .cnc files together and takes them apart, all but the latents: for those the network is needed.

Files without latents, lossless ones and stored originals, are made and read here alone, without torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from PIL import Image

from cnncompress.bitstream.ancillary import Metadata, SourceRecord, ancillary_chunks, read_metadata
from cnncompress.bitstream.container import MAX_PAYLOAD_BYTES, NO_FINGERPRINT, Chunk, ChunkType, Container, Header, pack
from cnncompress.bitstream.header import WHOLE
from cnncompress.bitstream.reading import ParsedFile, salvage
from cnncompress.codec.memory import plain_bytes
from cnncompress.codec.tiles import TileGrid
from cnncompress.errors import Corrupt, FeatureLoss, ImageError, LimitExceeded, PartLost, UnsupportedImage
from cnncompress.files import FileSource, whole_file
from cnncompress.images.formats import sniff
from cnncompress.images.planes import decode_alpha, decode_image, encode_alpha, encode_image
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings, Limits, check_memory, check_size
from cnncompress.images.source import ImageSource, Plane, SourceImage
from cnncompress.images.view import View
from cnncompress.images.write import to_image


@dataclass(frozen=True)
class OriginalFile:
    """A file that was stored as it is.

    Attributes:
        data: all of it, bit for bit.
        format: the usual ending of its format, such as ``jpg``.
    """

    data: bytes
    format: str


Decoded: TypeAlias = Image.Image | OriginalFile
"""What was in a .cnc file."""


def read_planes(image: ImageSource, settings: ImageSettings) -> SourceImage:
    """Reads an image to be coded, with a `FeatureLoss` warning for each thing that is lost, unless it is read already.

    Raises:
        TypeError, ImageError, LimitExceeded: as for :func:`cnncompress.images.read.read_image`.
    """
    planes = read_image(image, settings)
    if planes is not image:
        _warn_of_losses(planes)
    return planes


def pack_learned(
    image: SourceImage,
    latents: Sequence[bytes],
    quality_hundredths: int,
    fingerprint: bytes,
    source: SourceRecord | None = None,
    tile_side: int = WHOLE,
) -> bytes:
    """Returns the .cnc file of an image whose colours are coded as latents.

    Args:
        image: as it was read.
        latents: payload of the latent chunk of each tile.
        quality_hundredths: 0..10000.
        fingerprint: of the model.
        source: what the image was made from, for the source chunk.
        tile_side: of the tiles.
    """
    chunks = [Chunk(ChunkType.LATENTS, payload) for payload in latents]
    if image.alpha is not None:
        chunks.append(Chunk(ChunkType.ALPHA, encode_alpha(image.alpha)))
    header = Header(image.layout, *image.size, quality_hundredths, fingerprint, tile_side)
    return pack(Container(header, (*chunks, *ancillary_chunks(image.metadata, source))))


def pack_lossless(image: SourceImage, source: SourceRecord | None = None) -> bytes:
    """Returns the .cnc file of an image whose planes are kept as they are; arguments as in :func:`pack_learned`."""
    planes = Chunk(ChunkType.LOSSLESS, encode_image(image.colour, image.alpha, image.layout))
    header = Header(image.layout, *image.size, 0, NO_FINGERPRINT)
    return pack(Container(header, (planes, *ancillary_chunks(image.metadata, source))))


def pack_original(data: bytes, settings: ImageSettings, source: SourceRecord | None = None) -> bytes:
    """Returns a .cnc file in which an image file travels as it is.

    It carries its own metadata; the header tells what :func:`unpack_plain` makes of it.

    Args:
        data: the image file.
        settings: how it would be read for coding; nothing is lost here, so ``strict`` does not matter.
        source: as in :func:`pack_learned`.

    Raises:
        ImageError: it cannot be read, does not show what it is, or has something that the settings take away.
        LimitExceeded: it is too large.
    """
    if len(data) > MAX_PAYLOAD_BYTES:
        raise LimitExceeded(f"{len(data)} bytes are more than the {MAX_PAYLOAD_BYTES} that can be stored")
    image = read_image(data, replace(settings, strict=False))
    if image.withheld:
        raise UnsupportedImage("the file may hold what is to be left out, and cannot be stored as it is")
    if sniff(data) is None:
        raise UnsupportedImage("the file does not begin as its format says, and cannot be stored as it is")
    header = Header(image.layout, *image.size, 0, NO_FINGERPRINT)
    chunks = (Chunk(ChunkType.ORIGINAL, bytes(data)), *ancillary_chunks(Metadata(), source))
    return pack(Container(header, chunks))


def parse(source: FileSource, keep_going: bool) -> ParsedFile:
    """Takes a file apart, with a `PartLost` warning for each kind of damage to it if it may be damaged.

    Raises:
        TypeError, UnreadableImage: as for :func:`cnncompress.files.whole_file`.
        BitstreamError: it is damaged and may not be, or nothing is left of it.
    """
    data = whole_file(source)
    if not keep_going:
        return ParsedFile.whole(data)
    parsed = salvage(data)
    for name in parsed.lost:
        warnings.warn(f"the {name} chunk is lost", PartLost, stacklevel=3)
    if parsed.overlong:
        warnings.warn("there are bytes too many at the end of the file, which are left aside", PartLost, stacklevel=3)
    return parsed


def unpack_learned(
    container: Container,
    colour: Plane,
    view: View = View(),  # noqa: B008 - frozen
    *,
    keep_going: bool = False,
) -> Image.Image:
    """Returns the image of a file, given the colours that the network made of its latents.

    Args:
        container: the file, or what is left of it.
        colour: uint8 [H, W, 3], of the view.
        view: what is wanted of the image.
        keep_going: whether the image goes without what is damaged, with a `PartLost` warning.

    Raises:
        Corrupt: alpha plane or metadata are damaged.
    """
    layout = container.header.layout
    alpha = _alpha(container, view, keep_going) if layout.has_alpha else None
    return to_image(colour, alpha, layout, _metadata(container, keep_going))


def _alpha(container: Container, view: View, keep_going: bool) -> Plane:
    header = container.header
    try:
        plane = decode_alpha(container.payload(ChunkType.ALPHA), header.width, header.height)
    except (Corrupt, KeyError):  # there is none where it was lost with its chunk
        if not keep_going:
            raise
        warnings.warn("the alpha plane is lost, and everything opaque", PartLost, stacklevel=5)
        plane = np.full((header.height, header.width), 255, np.uint8)
    return plane if view.is_whole else np.asarray(view.of(Image.fromarray(plane)))


def _metadata(container: Container, keep_going: bool) -> Metadata:
    try:
        return read_metadata(container)
    except Corrupt:
        if not keep_going:
            raise
        warnings.warn("the metadata are lost", PartLost, stacklevel=5)
        return Metadata()


def unpack_file(container: Container, view: View, limits: Limits) -> Decoded | None:
    """Returns what is in a file that needs no network as `unpack_image` does, but a stored original bit for bit.

    Args:
        container: the file.
        view: what is wanted of the image; anything but all of it makes an image of a stored original.
        limits: how large the image may be.

    Raises:
        Corrupt: as for `unpack_image`; the first bytes of an original are not those of an image.
        OutsideImage, LimitExceeded: as for `unpack_image`.
    """
    if container.coding != "stored" or not view.is_whole:
        return unpack_image(container, view, limits)
    data = container.payload(ChunkType.ORIGINAL)
    kind = sniff(data)
    if kind in (None, "cnc"):
        raise Corrupt("the stored original cannot be read: it is no image")
    return OriginalFile(data, kind)


def unpack_image(container: Container, view: View, limits: Limits) -> Image.Image | None:
    """Returns the image of a file that needs no network, None if it does.

    Args:
        container: the file.
        view: what is wanted of the image.
        limits: how large it may be; what a network would take is not known here.

    Raises:
        Corrupt: as for `unpack_plain`.
        OutsideImage: the image does not reach as far as the view.
        LimitExceeded: it is too large.
    """
    header = container.header
    check_size(header.width, header.height, limits.max_pixels, limits.max_dim)
    if container.coding == "learned":
        return None
    check_memory(plain_bytes(TileGrid.of(header)), limits.memory)
    view.area(header.width, header.height)  # refuses what there is not, before the work
    return view.of(unpack_plain(container))


def unpack_plain(container: Container) -> Image.Image:
    """Returns the image of a lossless file or a stored original.

    An original is read like any input: upright, in 8 bits, with a :class:`cnncompress.FeatureLoss` warning for what
    that costs. :func:`unpack_file` gives it back as it is.

    Raises:
        Corrupt: the planes, the original or the metadata are damaged.
    """
    header = container.header
    if container.coding == "lossless":
        payload = container.payload(ChunkType.LOSSLESS)
        planes = decode_image(payload, header.width, header.height, header.layout)
        return to_image(*planes, header.layout, read_metadata(container))
    limits = ImageSettings(max_pixels=header.width * header.height)
    try:
        image = read_image(container.payload(ChunkType.ORIGINAL), limits)
    except (ImageError, LimitExceeded) as error:
        raise Corrupt(f"the stored original cannot be read: {error}") from error
    if image.size != (header.width, header.height):
        raise Corrupt(
            f"the stored original has {image.size[0]}x{image.size[1]} pixels, not {header.width}x{header.height}"
        )
    _warn_of_losses(image)
    return to_image(image.colour, image.alpha, image.layout, image.metadata)


def _warn_of_losses(image: SourceImage) -> None:
    # In the name of whoever called what calls `read_planes`.
    for loss in image.losses:
        warnings.warn(loss, FeatureLoss, stacklevel=4)


def warn_of_missing_tiles(grid: TileGrid, missing: Iterable[int]) -> None:
    """Warns of each tile that was left gray, in the name of whoever asked `Codec.decompress` for the image."""
    for number in sorted(missing):
        tile = grid.tile(number)
        warnings.warn(
            f"tile {number + 1} of {len(grid)} is lost and left gray: {tile.width}x{tile.height} pixels from "
            f"{tile.left},{tile.top}",
            PartLost,
            stacklevel=5,
        )
