"""A Pillow plugin: ``Image.open("x.cnc")`` and ``image.save("x.cnc", quality=60)``.

>>> import cnncompress.pillow
>>> cnncompress.pillow.register()

Opening a file reads header and metadata only, without torch. The model is loaded when pixels are first decoded or
saved, and is kept until the process ends. Options of ``save``:

* ``quality``, ``target`` (a `cnncompress.TargetSize`, ``TargetBpp`` or ``TargetPsnr``), ``coding``, ``effort``,
  ``tile``, ``exact`` and ``progress``: as for `cnncompress.Codec.compress`.
* ``lossless=True``: short for ``coding="lossless"``, as in Pillow's WebP plugin.
* ``icc_profile``, ``exif``, ``xmp``: replace those in ``image.info``, which are saved by default; empty for none.

Any other option is ignored, as by Pillow's own plugins: programs hand over the options of all formats at once.
"""

from __future__ import annotations

import os
from typing import IO, Any

from PIL import Image, ImageFile

from cnncompress.api.callers import warn_caller
from cnncompress.api.checked import compress_with
from cnncompress.bitstream.ancillary import read_metadata
from cnncompress.bitstream.container import MAGIC, Chunk, ChunkType, Container, Head, unpack
from cnncompress.bitstream.reading import ParsedFile, read_head, read_payload
from cnncompress.codec.cache import CodecCache
from cnncompress.codec.model_settings import ModelSettings
from cnncompress.errors import BitstreamError, CnncompressError, FeatureLoss
from cnncompress.images.limits import Limits
from cnncompress.images.metadata import attach

FORMAT = "CNC"
MIME_TYPE = "image/x-cnncompress"
EXTENSION = ".cnc"

_METADATA_OPTIONS = ("icc_profile", "exif", "xmp")
_OPTIONS = ("quality", "target", "coding", "effort", "tile", "exact", "progress")
_METADATA_CHUNKS = (ChunkType.ICC, ChunkType.EXIF, ChunkType.XMP)


def register(
    *,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> None:
    """Makes Pillow read and write .cnc files.

    Args:
        model: Model for saving, as for `cnncompress.Codec`; files are decoded with the model that they name.
        device: Device of the networks, as for `cnncompress.Codec`.
        limits: Larger images can be opened, but neither loaded nor saved. Pillow's own limit applies as well.
    """
    codecs = CodecCache(ModelSettings(model, device), limits)

    def open_file(stream: IO[bytes], name: str | bytes) -> CncImageFile:
        return CncImageFile(stream, name, codecs)

    def save(image: Image.Image, stream: IO[bytes], name: str | bytes) -> None:
        _save(image, stream, codecs)

    Image.register_open(FORMAT, open_file, _accept)
    Image.register_save(FORMAT, save)
    Image.register_extension(FORMAT, EXTENSION)
    Image.register_mime(FORMAT, MIME_TYPE)


class CncImageFile(ImageFile.ImageFile):
    """An opened .cnc file."""

    format = FORMAT
    format_description = "cnncompress"

    def __init__(self, stream: IO[bytes], name: str | bytes, codecs: CodecCache) -> None:
        self._codecs = codecs
        super().__init__(stream, name)

    def _open(self) -> None:
        try:
            head = read_head(self._stream())
            metadata = read_metadata(Container(head.header, self._metadata_chunks(head)))
        except BitstreamError as error:
            raise SyntaxError(str(error)) from error
        self._size = (head.header.width, head.header.height)
        self._mode = head.header.layout.mode
        attach(self, metadata)

    def load(self) -> Any:
        """Decodes the image at the first call.

        Raises:
            OSError: The file is damaged, its model is not installed, or the image is too large.
        """
        if self._im is None:
            try:
                image = self._decode()
            except CnncompressError as error:
                raise OSError(str(error)) from error
            self._mode, self._size, self.im = image.mode, image.size, image.im
            self.info.update(image.info)
            if self._exclusive_fp and self.fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Checks the structure and all checksums without decoding.

        Raises:
            SyntaxError: The file is damaged.
        """
        try:
            unpack(self._whole_file())
        except BitstreamError as error:
            raise SyntaxError(str(error)) from error
        super().verify()

    def _decode(self) -> Image.Image:
        decoded = self._codecs.decode(ParsedFile.whole(self._whole_file()))
        warn_caller(FeatureLoss, decoded.feature_losses)
        image = decoded.image
        image.load()
        return image

    def _metadata_chunks(self, head: Head) -> tuple[Chunk, ...]:
        entries = (entry for entry in head.entries if entry.type in _METADATA_CHUNKS)
        return tuple(Chunk(entry.type, read_payload(self._stream(), entry)) for entry in entries)

    def _whole_file(self) -> bytes:
        self._stream().seek(0)
        return self._stream().read()

    def _stream(self) -> IO[bytes]:
        if self.fp is None:
            raise ValueError("the file is closed")
        return self.fp


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def _save(image: Image.Image, stream: IO[bytes], codecs: CodecCache) -> None:
    given = image.encoderinfo
    options: dict[str, Any] = {key: given[key] for key in _OPTIONS if key in given}
    changes = {key: given[key] for key in _METADATA_OPTIONS if key in given}
    if changes or getattr(image, "is_animated", False):  # Pillow saves the current frame
        image = image.copy()
    for key, value in changes.items():
        image.info[key] = value.tobytes() if isinstance(value, Image.Exif) else value
    try:
        if given.get("lossless", False):
            options["coding"] = "lossless"
        data = compress_with(codecs.encoder, codecs.limits, image, **options)
    except CnncompressError as error:
        raise OSError(f"cannot write as {FORMAT}: {error}") from error
    stream.write(data)
