"""Parts of the decoder on their own: container, entropy decoder, weights files."""

from __future__ import annotations

import contextlib
import io
import random
from collections.abc import Sequence
from functools import cached_property

import fuzz_seeds as seeds
import numpy as np
from coding import decode, encode, pipeline_of
from fuzz_bytes import damaged
from fuzz_model import damaged_model
from fuzz_target import Target, expect
from random_model import write_random_model

from cnncompress.api.codec import Codec
from cnncompress.bitstream.container import ChunkType, pack, unpack, unpack_head
from cnncompress.bitstream.reading import read_head, read_payload, salvage
from cnncompress.entropy.coder import SymbolDecoder, SymbolEncoder
from cnncompress.errors import BitstreamError, InvalidModel
from cnncompress.model.weights import load_weights
from cnncompress.probe import probe
from cnncompress.units import Hundredths


class ContainerTarget(Target):
    """All that reads a container, from memory or a stream; a file that is accepted must be one that ``pack`` writes."""

    name = "container"

    def make_sound(self) -> Sequence[bytes]:
        return [*seeds.golden_files(), *seeds.plain_files()]

    def run(self, data: bytes) -> str:
        with contextlib.suppress(BitstreamError):
            salvage(data)
        with contextlib.suppress(BitstreamError):
            stream = io.BytesIO(data)
            for entry in read_head(stream).entries:
                read_payload(stream, entry)
        container = unpack(data)
        head = unpack_head(data)
        expect(head.header == container.header and head.file_bytes == len(data), "head and file differ")
        expect(salvage(data).container == container, "something is lost of a sound file")
        expect(pack(container) == data, "packed again, it is another file")
        facts = probe(data)
        expect((facts.width, facts.height) == (container.header.width, container.header.height), "another size")
        return facts.coding


class EntropyTarget(Target):
    """``SymbolDecoder``; symbols that are accepted must be coded to the same payload again."""

    name = "entropy"

    def make_sound(self) -> Sequence[bytes]:
        return seeds.entropy_inputs()

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        for _ in range(rng.choice((1, 1, 2, 4))):
            data = data[:4] + damaged(data[4:], rng) if rng.random() < 0.9 else damaged(data[:4], rng)[:4] + data[4:]
        return data

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


class ModelTarget(Target):
    """``load_weights``, then decoding and encoding with a model that was accepted."""

    name = "model"
    allowed = (InvalidModel, BitstreamError)
    memory = 1 << 30

    @cached_property
    def _payload(self) -> bytes:
        path = self.folder / "sound.safetensors"
        write_random_model(path)
        data = Codec(path, "cpu").compress(seeds.photograph(20, 20), 50)
        return unpack(data).payload(ChunkType.LATENTS)

    def make_sound(self) -> Sequence[bytes]:
        path = self.folder / "seed.safetensors"
        write_random_model(path)
        return [path.read_bytes()]

    def damage(self, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
        return damaged_model(data, others, rng)

    def repair(self, data: bytes) -> bytes:
        return data

    def run(self, data: bytes) -> str:
        path = self.folder / "model.safetensors"
        path.write_bytes(data)
        weights = load_weights(path)
        pipeline = pipeline_of(weights)
        pixels = decode(pipeline, self._payload, (20, 20), Hundredths(50_00))
        expect(pixels.shape == (20, 20, 3), "another size")
        payload = encode(pipeline, np.asarray(seeds.photograph(20, 20)), Hundredths(50_00))
        expect(decode(pipeline, payload, (20, 20), Hundredths(50_00)).shape == (20, 20, 3), "another size")
        return "coded"
