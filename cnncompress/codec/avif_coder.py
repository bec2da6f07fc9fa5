"""Codes one image as AVIF, at a quality or at a PSNR."""

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
"""How much better than asked for, in dB, AVIF may be before another quality is tried."""

LOWEST, HIGHEST = 0, 100
"""Qualities of libavif, whole numbers; several in a row may make the same file."""


class AvifCoder:
    """Codes one image as AVIF; the quality of its files is that of libavif, rounded to a whole number."""

    def __init__(self, image: SourceImage, source: SourceRecord | None = None, progress: Progress = unwatched) -> None:
        """Codes nothing yet.

        Args:
            image: What is coded, of a size that AVIF can have.
            source: Kept in its files.
            progress: Called after each trial.
        """
        self._progress = not_stopping(progress)
        self._psnr: dict[int, float] = {}
        self._image = image
        self._source = source
        self._payloads: dict[int, bytes] = {}

    def file_at(self, quality: Hundredths) -> bytes:
        """Makes a whole .cnc file."""
        return self._packed(self._payload(round(quality / 100)), quality)

    def colours_of(self, data: bytes) -> Plane:
        """Decodes the colours of a file that it made: uint8 ``[H, W, 3]``."""
        return self._colours(unpack(data).payload(ChunkType.AVIF))

    def file_for(self, target: Target) -> bytes:
        """Makes the best file within a size, or one of a PSNR.

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
        # The first quality that is too large; the one before is the best that fits.
        found = bisect.bisect_right(range(HIGHEST + 1), allowed, key=lambda number: len(self._file(number))) - 1
        if found < LOWEST:
            raise Unreachable(f"cannot be brought to {allowed} bytes: has {len(self._file(LOWEST))} at quality 0")
        return self._file(found)

    def file_of_psnr(self, decibels: float, quality: Hundredths | None = None) -> bytes | None:
        """Makes a file that is at least so good, and within `PSNR_WINDOW` if one is; None if none is good enough.

        Args:
            decibels: PSNR to reach.
            quality: What the file says that it was coded at; without it, the quality of libavif.
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
