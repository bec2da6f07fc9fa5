"""Everything that makes an image of a file."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import fuzz_seeds as seeds
from fuzz_target import Target, expect
from PIL import Image, UnidentifiedImageError
from random_model import write_random_model

from cnncompress import pillow
from cnncompress.api.calls import decompress, restore_original
from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import ChunkType, unpack, unpack_head
from cnncompress.errors import BitstreamError, LimitExceeded, OutputError, UnknownModel
from cnncompress.images.formats import FORMATS_WITH_ALPHA, OUTPUT_FORMATS
from cnncompress.images.limits import Limits
from cnncompress.images.write import save_image

MAX_PIXELS = 1 << 14
"""Larger images are refused while fuzzing: they are as slow as they are large, which is no finding."""


class DecodeTarget(Target):
    """Everything: ``Codec.decompress`` with the default model, of all of an image, of parts, and of what is left."""

    name = "decode-base"
    allowed: ClassVar[tuple[type[Exception], ...]] = (BitstreamError, UnknownModel, LimitExceeded)
    memory = 1 << 30

    @cached_property
    def codec(self) -> Codec:
        """The model, loaded when it is needed."""
        return Codec(device="cpu", limits=Limits(MAX_PIXELS))

    def make_sound(self) -> Sequence[bytes]:
        fingerprint = self.codec.fingerprint
        found = [data for data in seeds.golden_files() if unpack(data).header.fingerprint in (fingerprint, bytes(4))]
        return [data for data in found if self._is_small(data)]

    @staticmethod
    def _is_small(data: bytes) -> bool:
        header = unpack(data).header
        return header.width * header.height <= MAX_PIXELS // 2

    def run(self, data: bytes) -> str:
        way = zlib.crc32(data) % 4
        keep_going = way == 0
        image = self.codec.decompress(data, keep_going=keep_going)
        head = unpack_head(data)
        expect(image.size == (head.header.width, head.header.height), "another size")
        # A stored original's layout is what this version of Pillow makes of it.
        stored = any(entry.type == ChunkType.ORIGINAL for entry in head.entries)
        expect(image.mode == head.header.layout.mode or stored, "another mode")
        if way == 1:
            self._look_at_a_part(data, image)
        if way == 2:
            preview = self.codec.decompress(data, scale=0.25)
            expect(preview.size == (-(-image.width // 4), -(-image.height // 4)), "a preview of another size")
        return f"{image.mode} of what is left" if keep_going else image.mode

    def _look_at_a_part(self, data: bytes, whole: Image.Image) -> None:
        left, top = whole.width // 3, whole.height // 2
        width, height = max(1, whole.width // 2), max(1, whole.height // 3)
        part = self.codec.decompress(data, crop=(left, top, width, height))
        expected = whole.crop((left, top, left + width, top + height))
        expect(part.mode == whole.mode and part.tobytes() == expected.tobytes(), "a part of another image")


class TinyDecodeTarget(DecodeTarget):
    """The same with a model that takes a millisecond, on files of its own."""

    name = "decode-tiny"

    @cached_property
    def codec(self) -> Codec:
        path = self.folder / "tiny.safetensors"
        write_random_model(path)
        return Codec(path, "cpu", limits=Limits(MAX_PIXELS))

    def make_sound(self) -> Sequence[bytes]:
        return [*seeds.learned_files(self.codec), *seeds.plain_files()]


class ChunksTarget(Target):
    """Files without latents, planes, originals and metadata: ``decompress``, ``restore_original``, ``save_image``."""

    name = "chunks"
    allowed = (BitstreamError, UnknownModel, LimitExceeded, OutputError)
    memory = 1 << 30

    def make_sound(self) -> Sequence[bytes]:
        others = [data for data in seeds.golden_files() if unpack(data).coding != "learned"]
        return [*others, *seeds.plain_files()]

    def run(self, data: bytes) -> str:
        container = unpack(data)
        if container.coding == "learned":  # without a model there is nothing to be done
            raise UnknownModel("learned")
        original = restore_original(data)
        image = decompress(data, limits=Limits(MAX_PIXELS))
        header = container.header
        expect(image.size == (header.width, header.height), "another size")
        if container.coding in ("avif", "lossless"):
            expect(image.mode == header.layout.mode, "another mode")
        else:
            expect(getattr(original, "data", None) == container.payload(ChunkType.ORIGINAL), "another original")
        formats = FORMATS_WITH_ALPHA if image.mode in ("LA", "RGBA") else OUTPUT_FORMATS
        save_image(image, io.BytesIO(), formats[len(data) % len(formats)])
        return container.coding


class PillowTarget(TinyDecodeTarget):
    """The plugin, on files on the disk: opening, verifying, loading. Pillow's limit on pixels is an answer as well."""

    name = "pillow"
    allowed = (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError)

    _registered = False

    def run(self, data: bytes) -> str:
        if not self._registered:
            pillow.register(model=self.folder / "tiny.safetensors", device="cpu", limits=Limits(MAX_PIXELS))
            self._registered = True
        path = self.folder / "input.cnc"
        path.write_bytes(data)
        with Image.open(path, formats=[pillow.FORMAT]) as image:
            with contextlib.suppress(SyntaxError), Image.open(path, formats=[pillow.FORMAT]) as again:
                again.verify()
            size = image.size
            image.load()
            expect(image.size == size, "another size")
            return str(image.mode)

    def close(self) -> None:
        if self._registered:
            Image.ID.remove(pillow.FORMAT)
            for registry in (Image.OPEN, Image.SAVE, Image.MIME):
                del registry[pillow.FORMAT]
            del Image.EXTENSION[pillow.EXTENSION]
            self._registered = False
