"""Entropy coding of symbols to payloads, and decoding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import Latents, LatentTransform, latent_size
from cnncompress.engines.interface import Latent
from cnncompress.entropy.coder import EntropyModel, SymbolDecoder, SymbolEncoder
from cnncompress.entropy.parts import STEPS
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.entropy.scales import MAX_HYPER_SYMBOL
from cnncompress.errors import Corrupt
from cnncompress.model.config import HYPER_STRIDE, PATCH
from cnncompress.units import Hundredths

_CELL = HYPER_STRIDE // PATCH


class PayloadReader:
    """Decodes the symbols of a payload: exactly those that were encoded, on every machine.

    Attributes:
        z: int32 ``[N, h/4, w/4]``, symbols of the hyper-latent.
        z_levels: uint8 of the same shape, scale levels.
    """

    def __init__(self, pipeline: ImagePipeline, payload: bytes, size: tuple[int, int], quality: Hundredths) -> None:
        """Decodes the hyper-latent.

        Args:
            pipeline: Pipeline of the model that the payload was encoded with.
            payload: Payload of a latent chunk.
            size: Height and width of the image.
            quality: Quality of the file.

        Raises:
            Corrupt: The payload is damaged.
        """
        transform = pipeline.transform
        self._stage = transform.stopwatch.stage
        rows, columns = latent_size(*size)
        self.z_levels = transform.hyper_levels(quality, rows // _CELL, columns // _CELL)
        with self._stage("rans"):
            self._decoder = SymbolDecoder(pipeline.entropy_model, payload)
            self.z = self._decoder.pop(self.z_levels.ravel()).reshape(self.z_levels.shape)
        if int(np.abs(self.z).max()) > MAX_HYPER_SYMBOL:
            raise Corrupt(f"hyper-latent symbol beyond {MAX_HYPER_SYMBOL}")
        self._scales, self._quality = transform.scales, quality
        self._walk: ScaleWalk | None = None
        self._steps_read = 0

    def next_step(self) -> NDArray[np.int32]:
        """Decodes the symbols of the next coding step, int32 ``[M, h/2, w/2]``; may be called four times.

        Raises:
            Corrupt: The payload is damaged, or does not end after the last symbol.
        """
        step, walk = self._steps_read, self._scale_walk()
        for _ in walk.parts(step):
            with self._stage("scales"):
                levels = walk.levels()
            with self._stage("rans"):
                symbols = self._decoder.pop(levels.ravel()).reshape(levels.shape)
            with self._stage("scales"):
                walk.add(symbols)
        self._steps_read += 1
        if self._steps_read == STEPS:
            self._decoder.finish()
        of_step: NDArray[np.int32] = walk.coded()[0][step]
        return of_step

    def latents(self) -> Latents:
        """Decodes the steps that are left and returns all symbols; errors as for `next_step`."""
        while self._steps_read < STEPS:
            self.next_step()
        return Latents(self.z, self.z_levels, *self._scale_walk().coded())

    def _scale_walk(self) -> ScaleWalk:
        """The walk, created at the first step, so that the engine can work on the hyper-latent at the same time."""
        if self._walk is None:
            with self._stage("scales"):
                self._walk = ScaleWalk(self._scales, self.z, self._quality)
        return self._walk


class ImagePipeline:
    """Connects the networks with the entropy coder. Holds no state between calls; threads may share it."""

    def __init__(self, transform: LatentTransform, entropy_model: EntropyModel) -> None:
        self.transform = transform
        self.entropy_model = entropy_model

    def pack(self, latents: Latents) -> bytes:
        """Entropy-codes symbols into the payload of a latent chunk."""
        with self.transform.stopwatch.stage("rans"):
            encoder = SymbolEncoder(self.entropy_model)
            # rANS is a stack: what the decoder needs first is pushed last.
            channels = (-1, *latents.y.shape[2:])
            symbols, levels = latents.y.reshape(channels), latents.y_levels.reshape(channels)
            for part in reversed(self.transform.scales.parts):
                encoder.push(symbols[part.in_latent].ravel(), levels[part.in_latent].ravel())
            encoder.push(latents.z.ravel(), latents.z_levels.ravel())
            return encoder.to_bytes()

    def unpack(self, payload: bytes, size: tuple[int, int], quality: Hundredths) -> Latents:
        """Decodes all symbols; arguments and errors as for `PayloadReader`."""
        return PayloadReader(self, payload, size, quality).latents()

    def decode(self, payloads: Sequence[bytes], size: tuple[int, int], quality: Hundredths) -> Latent:
        """Decodes latents for the synthesis.

        Symbols of a step are decoded while the engine works on the step before.

        Args:
            payloads: Payloads of the latent chunks of images or tiles of one size.
            size: Height and width of each.
            quality: Quality of the files.

        Returns:
            ``[B, M, h, w]``, the engine's array.

        Raises:
            Corrupt: A payload is damaged.
        """
        transform = self.transform
        with transform.beside(len(payloads)) as beside:
            readers = beside.map(lambda payload: PayloadReader(self, payload, size, quality), payloads)
            symbols = [beside.start(reader.next_step) for reader in readers]
            with transform.stopwatch.stage("context"):
                walk = transform.engine.walk(np.stack([reader.z for reader in readers]), quality)
            for step in range(STEPS):
                found = [each.result() for each in symbols]
                if step < STEPS - 1:
                    symbols = [beside.start(reader.next_step) for reader in readers]
                with transform.stopwatch.stage("context"):
                    walk.decode(np.stack(found))
        return walk.latent()
