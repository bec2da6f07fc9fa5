"""A decoder written from docs/FORMAT.md alone, as the proof that the page is enough. No code of the package is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from independent_container import (
    AVIF,
    BLACK_AND_WHITE,
    GRAY,
    LATENTS,
    LOSSLESS,
    ORIGINAL,
    WITH_ALPHA,
    File,
    read_alpha,
    read_avif,
    read_file,
    read_lossless,
    read_metadata,
    shown,
)
from independent_model import Model
from independent_pixels import pixels
from independent_symbols import read_symbols
from numpy.typing import NDArray


@dataclass(frozen=True)
class Decoded:
    """What is in a file.

    Attributes:
        file: Header and chunks.
        samples: uint8 [H, W] or [H, W, C] by the layout; None for a stored original.
        symbols: Symbols of z and y of each tile, int32, little-endian, one behind the other; None if there are no
            latents.
        metadata: By chunk type.
        original: A stored original.
    """

    file: File
    samples: NDArray[np.uint8] | None
    symbols: bytes | None
    metadata: dict[int, bytes]
    original: bytes | None


def decode(data: bytes, models: dict[bytes, Model]) -> Decoded:
    """Decodes a .cnc file.

    Args:
        data: The file.
        models: The models that files may name, by fingerprint.
    """
    file = read_file(data)
    original = file.payload(ORIGINAL)
    if original is not None:
        return Decoded(file, None, None, {}, original)
    if file.payload(LOSSLESS) is not None:
        return Decoded(file, read_lossless(file), None, read_metadata(file), None)
    stream = None
    if file.payload(AVIF) is not None:
        colours = read_avif(file)
    else:
        model = models[file.fingerprint]
        symbols = [
            read_symbols(payload, model, tile.width, tile.height, file.quality)
            for tile, payload in zip(file.tiles(), file.payloads(LATENTS), strict=True)
        ]
        colours = pixels(model, file, symbols)
        stream = b"".join(part.astype("<i4").tobytes() for tile in symbols for part in tile)
    samples = colours
    if file.layout in GRAY:
        samples = ((colours.astype(int).sum(axis=2) + 1) // 3).astype(np.uint8)
    if file.layout == BLACK_AND_WHITE:
        samples = np.where(samples >= 128, 255, 0).astype(np.uint8)
    if file.layout in WITH_ALPHA:
        samples = np.dstack([samples, read_alpha(file)])
    return Decoded(file, shown(file, samples), stream, read_metadata(file), None)
