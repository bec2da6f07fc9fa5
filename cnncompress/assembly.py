"""Puts .cnc files together and takes them apart, all but the latents: for those the network is needed.

Files without latents, lossless ones and stored originals, are made and read here alone, without torch.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

from PIL import Image

from cnncompress.codec.ancillary import Metadata, SourceRecord, ancillary_chunks, read_metadata
from cnncompress.codec.container import (
    MAX_PAYLOAD_BYTES,
    NO_FINGERPRINT,
    Chunk,
    ChunkType,
    Container,
    Header,
    pack,
)
from cnncompress.errors import Corrupt, FeatureLoss, ImageError, LimitExceeded, UnsupportedImage
from cnncompress.formats import sniff
from cnncompress.images.limits import check_size
from cnncompress.images.planes import decode_alpha, decode_image, encode_alpha, encode_image
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import Plane, SourceImage
from cnncompress.images.write import to_image


@dataclass(frozen=True)
class OriginalFile:
    """A file that was stored as it is.

    Attributes:
        data: all of it, bit for bit.
        format: the usual ending of its format, such as ``jpg``; None for one that is not known here.
    """

    data: bytes
    format: str | None


def pack_learned(
    image: SourceImage, latents: bytes, quality_hundredths: int, fingerprint: bytes, source: SourceRecord | None = None
) -> bytes:
    """Returns the .cnc file of an image whose colours are coded as latents.

    Args:
        image: as it was read.
        latents: payload of the latent chunk.
        quality_hundredths: 0..10000.
        fingerprint: of the model.
        source: what the image was made from, for the source chunk.
    """
    chunks = [Chunk(ChunkType.LATENTS, latents)]
    if image.alpha is not None:
        chunks.append(Chunk(ChunkType.ALPHA, encode_alpha(image.alpha)))
    header = Header(image.layout, *image.size, quality_hundredths, fingerprint)
    return pack(Container(header, (*chunks, *ancillary_chunks(image.metadata, source))))


def pack_lossless(image: SourceImage, source: SourceRecord | None = None) -> bytes:
    """Returns the .cnc file of an image whose planes are kept as they are; arguments as in :func:`pack_learned`."""
    planes = Chunk(ChunkType.LOSSLESS, encode_image(image.colour, image.alpha, image.layout))
    header = Header(image.layout, *image.size, 0, NO_FINGERPRINT)
    return pack(Container(header, (planes, *ancillary_chunks(image.metadata, source))))


def pack_original(data: bytes, settings: ImageSettings, source: SourceRecord | None = None) -> bytes:
    """Returns a .cnc file in which an image file travels as it is.

    It carries its own metadata; the header tells what :func:`unpack_image` makes of it.

    Args:
        data: the image file.
        settings: how it would be read for coding; nothing is lost here, so ``strict`` does not matter.
        source: as in :func:`pack_learned`.

    Raises:
        ImageError: it cannot be read, or the settings take something away that the file has.
        LimitExceeded: it is too large.
    """
    if len(data) > MAX_PAYLOAD_BYTES:
        raise LimitExceeded(f"{len(data)} bytes are more than the {MAX_PAYLOAD_BYTES} that can be stored")
    image = read_image(data, replace(settings, strict=False))
    if image.withheld:
        raise UnsupportedImage("the file may hold what is to be left out, and cannot be stored as it is")
    header = Header(image.layout, *image.size, 0, NO_FINGERPRINT)
    chunks = (Chunk(ChunkType.ORIGINAL, bytes(data)), *ancillary_chunks(Metadata(), source))
    return pack(Container(header, chunks))


def check_limits(header: Header, max_pixels: int, max_dim: int) -> None:
    """Refuses a file by its header, before anything is decoded.

    Raises:
        LimitExceeded: it has more pixels, or a longer side, than allowed.
    """
    check_size(header.width, header.height, max_pixels, max_dim)


def unpack_learned(container: Container, colour: Plane) -> Image.Image:
    """Returns the image of a file, given the colours that the network made of its latents, uint8 [H, W, 3].

    Raises:
        Corrupt: alpha plane or metadata are damaged.
    """
    header = container.header
    alpha = None
    if header.layout.has_alpha:
        alpha = decode_alpha(container.payload(ChunkType.ALPHA), header.width, header.height)
    return to_image(colour, alpha, header.layout, read_metadata(container))


def unpack_image(container: Container) -> Image.Image | None:
    """Returns the image of a file that needs no network, None if it does.

    A stored original is read like any input: upright, in 8 bits, with a :class:`cnncompress.FeatureLoss` warning for
    what that costs. :func:`unpack_original` gives it back as it is.

    Raises:
        Corrupt: the planes, the original or the metadata are damaged.
    """
    header = container.header
    if container.coding == "learned":
        return None
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
    warn_of_losses(image)
    return to_image(image.colour, image.alpha, image.layout, image.metadata)


def unpack_original(container: Container) -> OriginalFile | None:
    """Returns the original file that is stored in a file, None if it holds a coded image."""
    if container.coding != "stored":
        return None
    data = container.payload(ChunkType.ORIGINAL)
    return OriginalFile(data, sniff(data))


def warn_of_losses(image: SourceImage) -> None:
    """Warns of each thing that was lost when an image was read, in the name of the caller's caller."""
    for loss in image.losses:
        warnings.warn(loss, FeatureLoss, stacklevel=3)
