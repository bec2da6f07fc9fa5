"""Symbols to entropy-coded payload and back."""

from __future__ import annotations

import torch

from cnncompress.codec.latents import Latents, LatentTransform
from cnncompress.entropy.coder import EntropyModel, SymbolDecoder, SymbolEncoder
from cnncompress.entropy.scales import MAX_HYPER_SYMBOL
from cnncompress.errors import Corrupt
from cnncompress.units import Hundredths


class ImagePipeline:
    """Couples the networks with the entropy coder. Holds no state between calls; threads may share it."""

    def __init__(self, transform: LatentTransform, entropy_model: EntropyModel) -> None:
        self.transform = transform
        self.entropy_model = entropy_model

    def pack(self, latents: Latents) -> bytes:
        """Entropy-codes symbols into the payload of a latent chunk."""
        with self.transform.stopwatch.stage("rans"):
            encoder = SymbolEncoder(self.entropy_model)
            # A stack: what the decoder needs first goes in last.
            symbols, levels = latents.y.flatten(0, 1), latents.y_levels.flatten(0, 1)
            for part in reversed(self.transform.scales.parts):
                encoder.push(symbols[part.in_latent].numpy().ravel(), levels[part.in_latent].numpy().ravel())
            encoder.push(latents.z.numpy().ravel(), latents.z_levels.numpy().ravel())
            return encoder.to_bytes()

    def unpack(self, payload: bytes, size: tuple[int, int], quality: Hundredths) -> Latents:
        """Recovers the symbols.

        Args:
            payload: Payload of a latent chunk.
            size: Height and width of the image.
            quality: Of the file.

        Returns:
            Exactly the symbols that were coded, whatever the machine.

        Raises:
            Corrupt: The payload is damaged.
        """
        stopwatch = self.transform.stopwatch
        z_levels = self.transform.hyper_levels(quality, *size)
        with stopwatch.stage("rans"):
            decoder = SymbolDecoder(self.entropy_model, payload)
            z = torch.from_numpy(decoder.pop(z_levels.numpy().ravel())).view(z_levels.shape)
        if int(z.abs().max()) > MAX_HYPER_SYMBOL:
            raise Corrupt(f"hyper-latent symbol beyond {MAX_HYPER_SYMBOL}")
        walk = self.transform.scale_walk(z, quality)
        for _ in walk.parts():
            with stopwatch.stage("scales"):
                levels = walk.levels()
            with stopwatch.stage("rans"):
                symbols = decoder.pop(levels.ravel()).reshape(levels.shape)
            with stopwatch.stage("scales"):
                walk.add(symbols)
        decoder.finish()
        y, y_levels = walk.coded()
        return Latents(z, z_levels, torch.from_numpy(y), torch.from_numpy(y_levels))
