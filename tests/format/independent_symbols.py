"""The symbols of a latent chunk and their order, written from docs/FORMAT.md alone."""

from __future__ import annotations

import numpy as np
from independent_container import check
from independent_message import Message
from independent_model import Integers, Model
from independent_scales import Scales


def places(channels: int, fine: int) -> list[list[tuple[int, int]]]:
    """Row and column within its cell of the symbol at step k and index i: ``places(M, F)[k][i]``."""
    positions = ((0, 0), (1, 1), (0, 1), (1, 0))
    first = channels - fine
    groups = [4 * i // first if i < first else 4 * (i - first) // fine for i in range(channels)]
    return [[positions[k ^ group] for group in groups] for k in range(4)]


def part_ends(channels: int, fine: int) -> list[int]:
    """Where each of the sixteen parts ends among the 4M channels."""
    m = channels - fine
    cuts = (round(m / 40), round(3 * m / 40), round(m / 4))
    within = [*(max(least, cut) for least, cut in enumerate(cuts, 1)), channels]
    return [k * channels + end for k in range(4) for end in within]


def read_symbols(payload: bytes, model: Model, width: int, height: int, quality: int) -> tuple[Integers, Integers]:
    """Decodes a latent chunk.

    Returns:
        Symbols of z, [N, H'/64, W'/64], and of y in their order, [4, M, H'/32, W'/32].
    """
    rows, columns = -(-height // 64), -(-width // 64)
    hyper_channels, channels = model.config["hyper_channels"], model.config["latent_channels"]
    scales = Scales(model, quality)
    message = Message(payload, model)
    z = message.part(np.repeat(scales.z_levels(), rows * columns)).reshape(hyper_channels, rows, columns)
    check(int(np.abs(z).max()) <= 1023, "corrupt")
    log_scales = scales.y_log_scales(z)
    y: list[Integers] = []
    surprises: list[Integers] = []
    for part, t in enumerate(np.split(log_scales, part_ends(channels, model.config["fine_channels"])[:-1])):
        levels = scales.part_levels(part, t, surprises)
        y.append(message.part(levels.ravel()).reshape(t.shape))
        surprises.append(scales.surprise(y[-1], t))
    message.finish()
    return z, np.concatenate(y).reshape(4, channels, 2 * rows, 2 * columns)
