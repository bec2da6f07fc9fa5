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
from cnncompress.errors import BitstreamError, LimitExceeded, ModelError
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
) -> Iterator[bytes]:
    """Makes the .cnc files of images of any sizes; the networks have run when the first is yielded.

    Args:
        images: What is coded.
        quality: Of all files.
        settings: How they are coded, without effort.
        model: Returns the model; is called if the learned coding is used.
        limits: How much memory coding one image may take.

    Yields:
        The files, in the order of the images.

    Raises:
        LimitExceeded: An image would take too much memory; raised in its turn.
        ModelError, DeviceError: As raised by ``model``.
    """
    encoders: list[ImageEncoder | LimitExceeded] = []
    for image in images:
        try:
            encoders.append(ImageEncoder(image, settings, model, limits))
        except LimitExceeded as error:
            encoders.append(error)
    coders = [each.learned for each in encoders if isinstance(each, ImageEncoder) and each.learned is not None]
    if coders:
        codec = model()
        for batch in _batches(coders, codec, lambda coder: (coder.grid, quality)):
            codec.code_together(batch, quality)
    for encoder in encoders:
        if isinstance(encoder, LimitExceeded):
            raise encoder
        yield encoder.file(quality)


def decode_all(files: Sequence[ParsedFile], limits: Limits, model: Callable[[bytes], ModelCodec]) -> Iterator[Decoded]:
    """Decodes whole files, of any sizes and qualities; the networks have run on batches when the first is yielded.

    Args:
        files: What is decoded.
        limits: How large an image may be.
        model: Returns the model with a fingerprint.

    Yields:
        The pictures, in the order of the files.

    Raises:
        LimitExceeded, BitstreamError, ModelError: As by `cnncompress.codec.unpacking.decode` for the first file that
            fails; raised in its turn.
        DeviceError: As raised by ``model``.
    """
    by_model: dict[bytes, list[_Numbered]] = defaultdict(list)
    for number, parsed in enumerate(files):
        if parsed.container.coding == "learned":
            by_model[parsed.container.header.fingerprint].append(_Numbered(number, parsed))
    decoders: dict[int, LatentDecoder] = {}
    for fingerprint, learned in by_model.items():
        try:
            codec = model(fingerprint)
        except ModelError:  # raised again when the first of these files is decoded
            continue
        for batch in _batches(learned, codec, lambda file: (file.grid, file.header.quality_hundredths)):
            # Decoded one by one, the file that is damaged, too large or of another model is told from the others.
            with contextlib.suppress(BitstreamError, LimitExceeded, ModelError):
                found = codec.colours_together([file.parsed for file in batch])
                decoders |= {file.number: _Known(colours) for file, colours in zip(batch, found, strict=True)}

    def decoded(number: int, parsed: ParsedFile) -> Decoded:
        known = decoders.pop(number, None)  # pictures take the place of what was decoded for them
        return decode(parsed, View(), limits, lambda fingerprint: known or model(fingerprint))

    for number, parsed in enumerate(files):
        yield decoded(number, parsed)


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
