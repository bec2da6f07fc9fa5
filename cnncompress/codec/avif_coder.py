"""Encodes one image as AVIF, at a quality, a size or a PSNR."""

from __future__ import annotations

import bisect

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.codec.packing import pack_colours
from cnncompress.codec.progress import Progress, not_stopping, unwatched
from cnncompress.codec.rate_search import psnr_of
from cnncompress.codec.targets import Target, TargetPsnr, bytes_allowed
from cnncompress.errors import Unreachable
from cnncompress.images.avif import decode_avif, encode_avif
from cnncompress.images.source import Plane, SourceImage
from cnncompress.units import Hundredths

PSNR_WINDOW = 1.0
"""Accepted PSNR above the target, in dB; beyond it the search tries another quality."""

LOWEST, HIGHEST = 0, 100
"""Range of libavif's integer qualities; neighbouring ones may give the same file."""


class AvifCoder:
    """Encodes one image as AVIF. Qualities are those of libavif, rounded to integers."""

    def __init__(self, image: SourceImage, source: SourceRecord | None = None, progress: Progress = unwatched) -> None:
        """Encodes nothing yet.

        Args:
            image: The image, of a size that AVIF supports.
            source: Source record for the files.
            progress: Called after each trial.
        """
        self._progress = not_stopping(progress)
        self._psnr: dict[int, float] = {}
        self._image = image
        self._source = source
        self._payloads: dict[int, bytes] = {}

    def file_at(self, quality: Hundredths) -> bytes:
        """Returns the .cnc file of a quality."""
        return self._packed(self._payload(round(quality / 100)), quality)

    def colours_of(self, data: bytes) -> Plane:
        """Decodes the colours of one of its files: uint8 ``[H, W, 3]``."""
        return self._colours(unpack(data).payload(ChunkType.AVIF))

    def file_for(self, target: Target) -> bytes:
        """Returns the best file within a size, or one that reaches a PSNR.

        Raises:
            Unreachable: No quality meets the target.
        """
        if isinstance(target, TargetPsnr):
            data = self.file_of_psnr(target.decibels)
            if data is None:
                reached = self._psnr_at(HIGHEST)
                raise Unreachable(f"cannot be brought to {target.decibels:g} dB: has {reached:.2f} at quality 100")
            return data
        width, height = self._image.size
        allowed = bytes_allowed(target, width * height)
        # The bisection gives the first quality whose file is too large; the one before is the best that fits.
        found = bisect.bisect_right(range(HIGHEST + 1), allowed, key=lambda number: len(self._file(number))) - 1
        if found < LOWEST:
            raise Unreachable(f"cannot be brought to {allowed} bytes: has {len(self._file(LOWEST))} at quality 0")
        return self._file(found)

    def file_of_psnr(self, decibels: float, quality: Hundredths | None = None) -> bytes | None:
        """Returns a file that reaches a PSNR, or None if no quality does.

        Its PSNR is at most `PSNR_WINDOW` higher if a quality in that range exists.

        Args:
            decibels: PSNR to reach.
            quality: Quality to write in the header; by default that of libavif.
        """
        low, high = LOWEST, HIGHEST
        while low < high:
            middle = (low + high) // 2
            reached = self._psnr_at(middle)
            if reached < decibels:
                low = middle + 1
            else:
                high = middle
                if reached <= decibels + PSNR_WINDOW:
                    break
        if self._psnr_at(high) < decibels:
            return None
        return self._packed(self._payload(high), Hundredths(100 * high) if quality is None else quality)

    def _file(self, number: int) -> bytes:
        return self._packed(self._payload(number), Hundredths(100 * number))

    def _psnr_at(self, number: int) -> float:
        if number not in self._psnr:
            self._psnr[number] = psnr_of(self._image, self._colours(self._payload(number)))
        return self._psnr[number]

    def _payload(self, number: int) -> bytes:
        if number not in self._payloads:
            self._payloads[number] = encode_avif(self._image.colour, self._image.layout, number)
            self._progress(1, 1)
        return self._payloads[number]

    def _colours(self, payload: bytes) -> Plane:
        return decode_avif(payload, *self._image.size, self._image.layout)

    def _packed(self, payload: bytes, quality: Hundredths) -> bytes:
        return pack_colours(self._image, ChunkType.AVIF, (payload,), quality, source=self._source)
