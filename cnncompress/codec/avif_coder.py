"""Codes one image as AVIF, at a quality or at a PSNR."""

from __future__ import annotations

from cnncompress.bitstream.ancillary import SourceRecord
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.codec.packing import pack_colours
from cnncompress.codec.progress import Progress, unwatched
from cnncompress.codec.rate_search import Window, find_quality, psnr_of
from cnncompress.images.avif import decode_avif, encode_avif
from cnncompress.images.source import Plane, SourceImage
from cnncompress.units import Hundredths

AVIF_PSNR_SLOPE = 0.0029
"""Of PSNR in dB with one hundredth of AVIF's quality, on screenshots."""

PSNR_WINDOW = 1.0
"""How much better than asked for, in dB, AVIF may be before another quality is tried."""

_PSNR_AT_50 = 46.0


class AvifCoder:
    """Codes one image as AVIF; the quality of its files is that of libavif, rounded to a whole number."""

    def __init__(self, image: SourceImage, source: SourceRecord | None = None, progress: Progress = unwatched) -> None:
        """Codes nothing yet.

        Args:
            image: What is coded, of a size that AVIF can have.
            source: Kept in its files.
            progress: Called after each trial; what it raises ends the work.
        """
        self._progress = progress
        self._psnr: dict[int, float] = {}
        self._image = image
        self._source = source
        self._payloads: dict[int, bytes] = {}

    def file_at(self, quality: Hundredths) -> bytes:
        """Makes a whole .cnc file."""
        return self._packed(self._payload(quality), quality)

    def colours_of(self, data: bytes) -> Plane:
        """Decodes the colours of a file that it made: uint8 ``[H, W, 3]``."""
        return self._colours(unpack(data).payload(ChunkType.AVIF))

    def file_of_psnr(self, decibels: float, quality: Hundredths) -> bytes | None:
        """Makes a file that is at least so good, and within `PSNR_WINDOW` if one is found; None if none is good enough.

        Args:
            decibels: PSNR to reach.
            quality: What the file says that it was coded at.
        """

        window = Window(decibels, decibels + PSNR_WINDOW, "low", AVIF_PSNR_SLOPE)
        first = Hundredths(round(min(max(5000 + (decibels - _PSNR_AT_50) / AVIF_PSNR_SLOPE, 0), 10_000)))
        found = find_quality(window, self._psnr_at, first)
        return None if found is None else self._packed(self._payload(found), quality)

    def _psnr_at(self, quality: Hundredths) -> float:
        number = round(quality / 100)
        if number not in self._psnr:
            self._psnr[number] = psnr_of(self._image, self._colours(self._payload(quality)))
        return self._psnr[number]

    def _payload(self, quality: Hundredths) -> bytes:
        number = round(quality / 100)
        if number not in self._payloads:
            self._payloads[number] = encode_avif(self._image.colour, self._image.layout, number)
            self._progress(1, 1)
        return self._payloads[number]

    def _colours(self, payload: bytes) -> Plane:
        return decode_avif(payload, *self._image.size, self._image.layout)

    def _packed(self, payload: bytes, quality: Hundredths) -> bytes:
        return pack_colours(self._image, ChunkType.AVIF, (payload,), quality, source=self._source)
