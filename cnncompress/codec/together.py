"""Encodes and decodes images of one size in batches, if the engine supports that.

A single small image leaves most of a GPU idle. A batch changes results only by rounding errors of sums. Images that
cannot be part of a batch, such as images in tiles, are processed alone afterwards. So are all images of a batch that
fails, to find the one at fault.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeVar

from cnncompress.bitstream.reading import ParsedFile
from cnncompress.codec.codec import LearnedCoder, ModelCodec
from cnncompress.codec.encoding import ImageEncoder
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.stages import NoStopwatch, Stopwatch
from cnncompress.codec.targets import Target
from cnncompress.codec.tiles import CELL, TileGrid
from cnncompress.codec.unpacking import Colours, Decoded, decode
from cnncompress.errors import CnncompressError
from cnncompress.images.limits import Limits
from cnncompress.images.view import Rectangle, View
from cnncompress.units import Hundredths

T = TypeVar("T")


class FileDecoder:
    """Decodes one file; its colours may come from a batch.

    Attributes:
        parsed: The file.
        known: Its colours, if a batch has decoded them.
        pixels_at_once: Largest number of pixels of a batch with this file; 0 if it cannot be part of one.
    """

    def __init__(self, parsed: ParsedFile, view: View, limits: Limits, model: Callable[[bytes], ModelCodec]) -> None:
        """Decodes nothing yet, but loads the model.

        Args:
            parsed: The file.
            view: Region and scale to decode.
            limits: Limits on the image.
            model: Returns the model of a fingerprint; called if the file has latents. `decode` raises its errors.
        """
        self.parsed = parsed
        self.known: Colours | None = None
        self._view = view
        self._limits = limits
        self._model = model
        self.pixels_at_once = self._pixels_at_once()

    @property
    def pixels(self) -> int:
        """Number of pixels of the image."""
        return self.parsed.container.header.width * self.parsed.container.header.height

    def _pixels_at_once(self) -> int:
        header = self.parsed.container.header
        if self.parsed.container.coding != "learned" or self.parsed.salvaged or not self._view.is_whole:
            return 0
        with contextlib.suppress(CnncompressError):  # `decode` will raise it
            self._limits.check_size(header.width, header.height)
            return self.codec.pixels_at_once if len(TileGrid.of(header)) == 1 else 0
        return 0

    @property
    def codec(self) -> ModelCodec:
        """The model that the file was made with."""
        return self._model(self.parsed.container.header.fingerprint)

    def colours(self, parsed: ParsedFile, view: View, progress: Progress) -> Colours:
        """Decodes the latents, as a `cnncompress.codec.unpacking.LatentDecoder`."""
        known, self.known = self.known, None  # frees the colours once a picture is made of them
        return self.codec.colours(parsed, view, progress) if known is None else known

    def decode(self, progress: Progress = unwatched, stopwatch: Stopwatch | None = None) -> Decoded:
        """Decodes the file; other arguments and errors as for `cnncompress.codec.unpacking.decode`."""
        return decode(self.parsed, self._view, self._limits, lambda _: self, progress, stopwatch or NoStopwatch())


def code_alike(encoders: Iterable[ImageEncoder]) -> None:
    """Encodes similar images in batches. Afterwards their encoders return files without encoding again.

    Args:
        encoders: Encoders of images of any sizes, for any qualities or targets, in any coding.
    """
    alike: dict[_Kind, list[LearnedCoder]] = defaultdict(list)
    for encoder in encoders:
        coder, quality = encoder.learned, encoder.wanted
        if coder is not None and encoder.pixels_at_once and not isinstance(quality, Target):
            alike[_Kind(coder.codec, coder.grid.image.padded(CELL), quality)].append(coder)
    for kind, batch in _batches(alike):
        with _left_to_be_run_alone():
            kind.codec.code_together(batch, kind.quality)


def decode_alike(decoders: Iterable[FileDecoder]) -> None:
    """Decodes similar files in batches, and stores the colours in their decoders.

    Args:
        decoders: Decoders of files of any sizes, qualities and models, in any coding.
    """
    alike: dict[_Kind, list[FileDecoder]] = defaultdict(list)
    for decoder in decoders:
        if decoder.pixels_at_once:
            header = decoder.parsed.container.header
            padded = TileGrid.of(header).image.padded(CELL)
            alike[_Kind(decoder.codec, padded, header.quality_hundredths)].append(decoder)
    for kind, batch in _batches(alike):
        with _left_to_be_run_alone():
            found = kind.codec.colours_together([decoder.parsed for decoder in batch])
            for decoder, colours in zip(batch, found, strict=True):
                decoder.known = colours


class _Kind(NamedTuple):
    """Properties that the images of a batch share: model, extended size, and quality."""

    codec: ModelCodec
    padded: Rectangle
    quality: Hundredths


def _batches(alike: Mapping[_Kind, list[T]]) -> Iterator[tuple[_Kind, list[T]]]:
    """Yields batches of at least two."""
    for kind, items in alike.items():
        most = max(1, kind.codec.pixels_at_once // (kind.padded.width * kind.padded.height))
        batches = (items[start : start + most] for start in range(0, len(items), most))
        yield from ((kind, batch) for batch in batches if len(batch) > 1)


def _left_to_be_run_alone() -> AbstractContextManager[None]:
    """Ignores that a batch fails, as by torch's RuntimeError if memory is short; its items are run alone later."""
    return contextlib.suppress(CnncompressError, MemoryError, RuntimeError)
