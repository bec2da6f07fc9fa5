"""Images of one size, coded as one batch where the engine asks for that.

One small image leaves most of a GPU idle. What cannot be part of a batch, such as an image in tiles, is coded
on its own, and so is everything where the engine takes one image after the other.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from cnncompress.bitstream.header import Header
from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.codec import ModelCodec
from cnncompress.codec.encode_settings import EncodeSettings
from cnncompress.codec.encoding import ImageEncoder
from cnncompress.codec.progress import Progress
from cnncompress.codec.tiles import CELL, TileGrid
from cnncompress.codec.unpacking import Colours, Decoded, LatentDecoder, decode
from cnncompress.errors import Corrupt
from cnncompress.images.limits import Limits
from cnncompress.images.source import SourceImage
from cnncompress.images.view import View
from cnncompress.units import Hundredths

T = TypeVar("T")


def encode_all(
    images: Sequence[SourceImage],
    quality: Hundredths,
    settings: EncodeSettings,
    model: Callable[[], ModelCodec],
    limits: Limits,
) -> list[bytes]:
    """Makes the .cnc files of images of any sizes.

    Args:
        images: What is coded.
        quality: Of all files.
        settings: How they are coded, without effort.
        model: Returns the model; is called if the learned coding is used.
        limits: How much memory coding one image may take.

    Returns:
        The files, in the order of the images.

    Raises:
        LimitExceeded, ModelError, DeviceError: As by `cnncompress.codec.encoding.encode` for the first that fails.
    """
    encoders = [ImageEncoder(image, settings, model, limits) for image in images]
    coders = [encoder.learned for encoder in encoders if encoder.learned is not None]
    if coders:
        codec = model()
        for batch in _batches(coders, codec, lambda coder: (coder.grid, quality)):
            codec.code_together(batch, quality)
    return [encoder.file(quality) for encoder in encoders]


def decode_all(files: Sequence[ParsedFile], limits: Limits, model: Callable[[bytes], ModelCodec]) -> list[Decoded]:
    """Decodes whole files, of any sizes and qualities.

    Args:
        files: What is decoded.
        limits: How large an image may be.
        model: Returns the model with a fingerprint.

    Returns:
        The pictures, in the order of the files.

    Raises:
        LimitExceeded, BitstreamError, ModelError, DeviceError: As by `cnncompress.codec.unpacking.decode` for the first
            that fails.
    """
    by_model: dict[bytes, list[_Numbered]] = defaultdict(list)
    for number, parsed in enumerate(files):
        if parsed.container.coding == "learned":
            by_model[parsed.container.header.fingerprint].append(_Numbered(number, parsed))
    decoders: dict[int, LatentDecoder] = {}
    for fingerprint, learned in by_model.items():
        codec = model(fingerprint)
        for batch in _batches(learned, codec, lambda file: (file.grid, file.header.quality_hundredths)):
            with contextlib.suppress(Corrupt):  # decoded one by one, the damaged one is told from the others
                found = codec.colours_together([file.parsed for file in batch])
                decoders |= {file.number: _Known(colours) for file, colours in zip(batch, found, strict=True)}

    def decoded(number: int, parsed: ParsedFile) -> Decoded:
        return decode(parsed, View(), limits, lambda fingerprint: decoders.get(number) or model(fingerprint))

    return [decoded(number, parsed) for number, parsed in enumerate(files)]


class _Numbered(NamedTuple):
    """A file that a model made, and its place among the others."""

    number: int
    parsed: ParsedFile

    @property
    def header(self) -> Header:
        return self.parsed.container.header

    @property
    def grid(self) -> TileGrid:
        return TileGrid.of(self.header)


@dataclass(frozen=True)
class _Known:
    """Stands for the decoder of a file whose colours are decoded already."""

    decoded: Colours

    def colours(self, parsed: ParsedFile, view: View, progress: Progress) -> Colours:
        return self.decoded


def _batches(
    items: Sequence[T], codec: ModelCodec, kind: Callable[[T], tuple[TileGrid, Hundredths]]
) -> Iterator[list[T]]:
    """Yields batches of two or more images that are one tile each, of one size and quality."""
    alike: dict[tuple[TileGrid, Hundredths], list[T]] = defaultdict(list)
    for item in items:
        alike[kind(item)].append(item)
    for (grid, _), some in alike.items():
        whole = grid.image.padded(CELL)
        most = codec.pixels_at_once // (whole.width * whole.height) if len(grid) == 1 else 1
        if most > 1:
            batches = (some[start : start + most] for start in range(0, len(some), most))
            yield from (batch for batch in batches if len(batch) > 1)
