"""The parts that outside data reaches, each with what it may do with it: a correct result, or one of few errors."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import fuzz_seeds as seeds
import numpy as np
import torch
from fuzz_bytes import damaged
from fuzz_container import damaged_file, resealed
from fuzz_model import damaged_model
from PIL import Image, UnidentifiedImageError

from cnncompress import pillow
from cnncompress.api import Codec, decompress, decompress_file
from cnncompress.codec.container import ChunkType, pack, unpack, unpack_head
from cnncompress.codec.entropy import EntropyModel, SymbolDecoder, SymbolEncoder
from cnncompress.codec.latents import LatentTransform
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.errors import BitstreamError, InvalidModel, LimitExceeded, OutputError, UnknownModel
from cnncompress.formats import OUTPUT_FORMATS
from cnncompress.images.write import save_image
from cnncompress.info import probe
from cnncompress.weights import load_weights

MAX_PIXELS = 1 << 14
"""Larger images are refused while fuzzing: they are as slow as they are large, which is no finding."""


class Wrong(Exception):
    """A result that contradicts itself."""


def expect(condition: bool, message: str) -> None:
    """Raises `Wrong` unless the condition holds; ``assert`` is not for code that may run under ``-O``."""
    if not condition:
        raise Wrong(message)


class Target:
    """Something to feed with damaged data.

    Attributes:
        name: What it is called on the command line.
        allowed: Exceptions that are answers.
        memory: Bytes of address space that all runs together may take.
    """

    name: ClassVar[str]
    allowed: ClassVar[tuple[type[Exception], ...]] = (BitstreamError,)
    memory: ClassVar[int] = 256 << 20

    def __init__(self, folder: Path, more: Sequence[bytes] = ()) -> None:
        """Takes a folder for files that it needs, and data to start from besides its own."""
        self.folder = folder
        self._more = more
        self._seeds: list[bytes] = []

    def seeds(self) -> list[bytes]:
        """Sound data, and data that once was too much."""
        if not self._seeds:
            self._seeds = [*self.sound(), *seeds.corpus(self.name), *self._more]
        return self._seeds

    def sound(self) -> Sequence[bytes]:
        """Data that nothing is wrong with."""
        raise NotImplementedError

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        """Returns the data with damage that fits the target."""
        return damaged_file(data, others, rng)

    def repair(self, data: bytes) -> bytes:
        """Makes damage of somebody else's invisible to checksums."""
        return resealed(data)

    def run(self, data: bytes) -> str:
        """Does the work; raises one of `allowed` or returns in a word what came out."""
        raise NotImplementedError

    def close(self) -> None:
        """Puts back what was changed outside."""


class ContainerTarget(Target):
    """``unpack``, ``unpack_head`` and ``probe``; a file that is accepted must be one that ``pack`` writes."""

    name = "container"

    def sound(self) -> Sequence[bytes]:
        return [*seeds.golden_files(), *seeds.plain_files()]

    def run(self, data: bytes) -> str:
        container = unpack(data)
        head = unpack_head(data)
        expect(head.header == container.header and head.file_bytes == len(data), "head and file differ")
        expect(pack(container) == data, "packed again, it is another file")
        facts = probe(data)
        expect((facts.width, facts.height) == (container.header.width, container.header.height), "another size")
        return facts.coding


class EntropyTarget(Target):
    """``SymbolDecoder``; symbols that are accepted must be coded to the same payload again."""

    name = "entropy"

    def sound(self) -> Sequence[bytes]:
        return seeds.entropy_inputs()

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        for _ in range(rng.choice((1, 1, 2, 4))):
            data = data[:4] + damaged(data[4:], rng) if rng.random() < 0.9 else damaged(data[:4], rng)[:4] + data[4:]
        return data[: 4 + (len(data) - 4) // 4 * 4] if rng.random() < 0.9 else data

    def repair(self, data: bytes) -> bytes:
        return data

    def run(self, data: bytes) -> str:
        head, payload = data[:4].ljust(4, b"\0"), data[4:]
        models = seeds.entropy_models()
        model = models[head[0] % len(models)]
        levels = seeds.entropy_levels(head)
        decoder = SymbolDecoder(model, payload)
        parts = [decoder.pop(part) for part in levels]
        for symbols, part in zip(parts, levels, strict=True):
            expect(symbols.dtype == np.int32 and len(symbols) == len(part), "symbols are missing")
            expect(bool((np.abs(symbols.astype(np.int64)) <= 1 << 20).all()), "symbols are too large")
        decoder.finish()
        encoder = SymbolEncoder(model)
        for symbols, part in zip(reversed(parts), reversed(levels), strict=True):
            encoder.push(symbols, part)
        expect(encoder.to_bytes() == payload, "coded again, it is another payload")
        return "symbols"


class DecodeTarget(Target):
    """Everything: ``Codec.decompress`` with the default model."""

    name = "decode-base"
    allowed = (BitstreamError, UnknownModel, LimitExceeded)
    memory = 1 << 30

    @cached_property
    def codec(self) -> Codec:
        """The model, loaded when it is needed."""
        return Codec(device="cpu", max_pixels=MAX_PIXELS)

    def sound(self) -> Sequence[bytes]:
        fingerprint = self.codec.fingerprint
        found = [data for data in seeds.golden_files() if unpack(data).header.fingerprint in (fingerprint, bytes(4))]
        return [data for data in found if self._is_small(data)]

    @staticmethod
    def _is_small(data: bytes) -> bool:
        header = unpack(data).header
        return header.width * header.height <= MAX_PIXELS // 2

    def run(self, data: bytes) -> str:
        image = self.codec.decompress(data)
        header = unpack(data).header
        expect(image.size == (header.width, header.height), "another size")
        # A stored original's layout is what this version of Pillow makes of it.
        expect(image.mode == header.layout.mode or unpack(data).coding == "stored", "another mode")
        return image.mode


class TinyDecodeTarget(DecodeTarget):
    """The same with a model that takes a millisecond, on files of its own."""

    name = "decode-tiny"

    @cached_property
    def codec(self) -> Codec:
        path = self.folder / "tiny.safetensors"
        seeds.write_tiny_model(path)
        return Codec(path, "cpu", max_pixels=MAX_PIXELS)

    def sound(self) -> Sequence[bytes]:
        return [*seeds.learned_files(self.codec), *seeds.plain_files()]


class ChunksTarget(Target):
    """Files without latents, planes, originals and metadata: ``decompress``, ``decompress_file``, ``save_image``."""

    name = "chunks"
    allowed = (BitstreamError, UnknownModel, LimitExceeded, OutputError)
    memory = 1 << 30

    def sound(self) -> Sequence[bytes]:
        others = [data for data in seeds.golden_files() if unpack(data).coding != "learned"]
        return [*others, *seeds.plain_files()]

    def run(self, data: bytes) -> str:
        container = unpack(data)
        if container.coding == "learned":  # without a model there is nothing to be done
            raise UnknownModel("learned")
        original = decompress_file(data, max_pixels=MAX_PIXELS)
        image = decompress(data, max_pixels=MAX_PIXELS)
        header = container.header
        expect(image.size == (header.width, header.height), "another size")
        if container.coding == "lossless":
            expect(image.mode == header.layout.mode, "another mode")
        else:
            expect(getattr(original, "data", None) == container.payload(ChunkType.ORIGINAL), "another original")
        save_image(image, io.BytesIO(), OUTPUT_FORMATS[len(data) % len(OUTPUT_FORMATS)])
        return container.coding


class PillowTarget(TinyDecodeTarget):
    """The plugin, on files on the disk: opening, verifying, loading. Pillow's limit on pixels is an answer as well."""

    name = "pillow"
    allowed = (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError)

    _registered = False

    def run(self, data: bytes) -> str:
        if not self._registered:
            pillow.register(model=self.folder / "tiny.safetensors", device="cpu", max_pixels=MAX_PIXELS)
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


class ModelTarget(Target):
    """``load_weights``, and decoding with a model that was accepted."""

    name = "model"
    allowed = (InvalidModel, BitstreamError)
    memory = 1 << 30

    @cached_property
    def _payload(self) -> bytes:
        path = self.folder / "sound.safetensors"
        seeds.write_tiny_model(path)
        data = Codec(path, "cpu").compress(seeds.photograph(20, 20), 50)
        return unpack(data).payload(ChunkType.LATENTS)

    def sound(self) -> Sequence[bytes]:
        path = self.folder / "seed.safetensors"
        seeds.write_tiny_model(path)
        return [path.read_bytes()]

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        return damaged_model(data, others, rng)

    def repair(self, data: bytes) -> bytes:
        return data

    def run(self, data: bytes) -> str:
        path = self.folder / "model.safetensors"
        path.write_bytes(data)
        weights = load_weights(path)
        transform = LatentTransform(weights.network, weights.scales, torch.device("cpu"))
        pipeline = ImagePipeline(transform, EntropyModel(weights.tables))
        pixels = pipeline.decode(self._payload, (20, 20), 5000)
        expect(pixels.shape == (20, 20, 3), "another size")
        return "decoded"


TARGETS: tuple[type[Target], ...] = (
    ContainerTarget,
    EntropyTarget,
    ChunksTarget,
    TinyDecodeTarget,
    DecodeTarget,
    PillowTarget,
    ModelTarget,
)


@contextlib.contextmanager
def opened(name: str, more: Sequence[bytes] = ()) -> Iterator[Target]:
    """Prepares a target by its name, with more data to start from if there is some, and tidies up behind it."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    kind = next(target for target in TARGETS if target.name == name)
    target = kind(folder, more)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd originals; an error if a test made it one
            yield target
    finally:
        target.close()
        shutil.rmtree(folder)
