"""Assembles .cnc files from encoded payloads, lossless planes or original files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cnncompress.bitstream.ancillary import Metadata, SourceRecord, ancillary_chunks
from cnncompress.bitstream.container import MAX_PAYLOAD_BYTES, NO_FINGERPRINT, Chunk, ChunkType, Container, Header, pack
from cnncompress.bitstream.header import WHOLE
from cnncompress.errors import LimitExceeded, UnsupportedImage
from cnncompress.images.formats import sniff
from cnncompress.images.planes import encode_alpha, encode_image
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import SourceImage
from cnncompress.units import LOWEST_QUALITY, Hundredths


def pack_colours(
    image: SourceImage,
    kind: ChunkType,
    payloads: Sequence[bytes],
    quality: Hundredths,
    fingerprint: bytes = NO_FINGERPRINT,
    source: SourceRecord | None = None,
    tile_side: int = WHOLE,
) -> bytes:
    """Returns the .cnc file of an image with lossy colours and lossless alpha.

    Args:
        image: The image, for layout, alpha and metadata.
        kind: `ChunkType.LATENTS` or `ChunkType.AVIF`.
        payloads: Payload of each tile's chunk.
        quality: Quality for the header.
        fingerprint: Fingerprint of the model, for latents.
        source: Source record of the image.
        tile_side: Side of the tiles.
    """
    chunks = [Chunk(kind, payload) for payload in payloads]
    if image.alpha is not None:
        chunks.append(Chunk(ChunkType.ALPHA, encode_alpha(image.alpha)))
    header = Header(image.layout, *image.size, quality, fingerprint, tile_side)
    return pack(Container(header, (*chunks, *ancillary_chunks(image.metadata, source))))


def pack_lossless(image: SourceImage, source: SourceRecord | None = None) -> bytes:
    """Returns the lossless .cnc file of an image; arguments as in `pack_colours`."""
    planes = Chunk(ChunkType.LOSSLESS, encode_image(image.colour, image.alpha, image.layout))
    header = Header(image.layout, *image.size, LOWEST_QUALITY, NO_FINGERPRINT)
    return pack(Container(header, (planes, *ancillary_chunks(image.metadata, source))))


def pack_original(data: bytes, settings: ImageSettings, source: SourceRecord | None = None) -> bytes:
    """Returns a .cnc file that contains an image file unchanged.

    The metadata are those inside the image file. The header describes the picture that
    `cnncompress.codec.unpacking.decode` returns.

    Args:
        data: The image file.
        settings: Settings for reading the image. Nothing is lost here, so ``strict`` is ignored.
        source: Source record of the image.

    Raises:
        ImageError: The file cannot be read, its first bytes do not show its format, or it has something that the
            settings remove.
        LimitExceeded: The image is too large.
    """
    if len(data) > MAX_PAYLOAD_BYTES:
        raise LimitExceeded(f"{len(data)} bytes are more than the {MAX_PAYLOAD_BYTES} that can be stored")
    image = read_image(data, replace(settings, strict=False))
    if image.withheld:
        raise UnsupportedImage("the file may contain what is to be left out, so it cannot be stored unchanged")
    if sniff(data) is None:
        raise UnsupportedImage("the file does not begin like a file of its format, so it cannot be stored unchanged")
    header = Header(image.layout, *image.size, LOWEST_QUALITY, NO_FINGERPRINT)
    chunks = (Chunk(ChunkType.ORIGINAL, bytes(data)), *ancillary_chunks(Metadata(), source))
    return pack(Container(header, chunks))
