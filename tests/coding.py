"""Payloads of whole images in one tile, made and read as the product does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnncompress.codec.latents import LatentTransform
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tile_decoder import TileDecoder
from cnncompress.codec.tile_encoder import TiledImage
from cnncompress.codec.tiles import TileGrid
from cnncompress.engines.choice import load_engine
from cnncompress.engines.names import EngineName, Precision
from cnncompress.entropy.coder import EntropyModel
from cnncompress.model.weights import Weights
from cnncompress.units import Hundredths


def pipeline_of(
    weights: Weights, engine: EngineName = "auto", precision: Precision = "auto", threads: int | None = None
) -> ImagePipeline:
    """A model between pixels and payload, on the CPU."""
    loaded = load_engine(weights, engine, "cpu", precision, threads)
    return ImagePipeline(LatentTransform(loaded, weights.scales), EntropyModel(weights.tables))


def encode(pipeline: ImagePipeline, pixels: NDArray[np.uint8], quality: Hundredths) -> bytes:
    """Payload of the latent chunk of an image, uint8 ``[H, W, 3]``."""
    (payload,) = TiledImage(pipeline, pixels).encode(quality)
    return payload


def decode(pipeline: ImagePipeline, payload: bytes, size: tuple[int, int], quality: Hundredths) -> NDArray[np.uint8]:
    """The image of a payload; size is height and width."""
    grid = TileGrid(size[1], size[0])
    return TileDecoder(pipeline, grid, (payload,), quality).decode(grid.image)
