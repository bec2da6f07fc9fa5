"""Batches without a GPU: torch's engine on the CPU, told to ask for them, which notes what it gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cnncompress.codec.codec import ModelCodec
from cnncompress.engines.torch import TorchEngine


class CountingEngine(TorchEngine):
    """Notes how many images each call of the transforms gets."""

    counts: list[int]

    def analyse(self, pixels: Any, *rest: Any) -> Tensor:
        self.counts.append(len(pixels))
        return super().analyse(pixels, *rest)

    def synthesise(self, y: Tensor, *rest: Any) -> Any:
        self.counts.append(len(y))
        return super().synthesise(y, *rest)


def force_batches(codec: ModelCodec, pixels_at_once: int) -> list[int]:
    """Makes a codec of torch's engine ask for batches as on a GPU; returns the sizes of those that it gets."""
    engine = codec._engine
    assert isinstance(engine, TorchEngine) and engine.pixels_at_once == 0, "on a CPU nothing is batched"
    forced = CountingEngine(engine.network, torch.device("cpu"), pixels_at_once=pixels_at_once)
    forced.counts = []
    codec._run_on(forced)
    return forced.counts


def close(first: object, second: object, share: float = 0.01) -> bool:
    """Whether two images are equal up to one step in less than a share of their values."""
    differences = np.abs(np.asarray(first).astype(int) - np.asarray(second))
    return bool(differences.max() <= 1 and (differences > 0).mean() < share)
