"""From symbols to pixels, written from docs/FORMAT.md alone. Convolutions are torch's; nothing else is."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from independent_container import File
from independent_model import Integers, Model
from independent_symbols import part_ends, places
from numpy.typing import NDArray
from torch import Tensor


class Networks:
    """The float networks at one quality."""

    def __init__(self, model: Model, quality: int) -> None:
        self.config = model.config
        self.tensors = {
            name.removeprefix("network."): torch.from_numpy(values.astype(np.float32))
            for name, values in model.tensors.items()
            if name.startswith("network.")
        }
        self.position = quality * (model.anchors - 1) / 10000
        self.low = min(int(self.position), model.anchors - 2)

    def conv(self, name: str, x: Tensor) -> Tensor:
        """A convolution of [C, h, w]."""
        weight = self.tensors[f"{name}.weight"]
        return F.conv2d(x[None], weight, self.tensors[f"{name}.bias"], padding=(weight.shape[2] - 1) // 2)[0]

    def row(self, name: str) -> Tensor:
        """A table at the quality, [C, 1, 1]."""
        table = self.tensors[f"{name}.table"]
        mixed = table[self.low] + (self.position - self.low) * (table[self.low + 1] - table[self.low])
        return mixed[:, None, None]

    def latent(self, z: Integers, symbols: Integers) -> Tensor:
        """The decoded latent of a tile, [M, H'/16, W'/16]."""
        f = self.conv("h_s.stem", torch.from_numpy(z).float() / 4) + self.row("h_s.quality")
        f = shuffle(lrelu(self.conv("h_s.body.1", lrelu(f))))
        norm = torch.clamp(self.tensors["g_a.klt_std"][:, None, None] * torch.exp(self.row("log_gain")), min=1)
        deltas = torch.exp(torch.clamp(self.conv("quantisation.head", f), -1.5, 1.5))
        steps: list[Tensor] = []
        for k in range(4):
            name = f"context.{k}"
            before = torch.cat([f, *(y / norm for y in steps)])
            t = self.conv(f"{name}.stem", before) + self.row(f"{name}.quality")
            t = lrelu(self.conv(f"{name}.body.1", lrelu(t)))
            t = lrelu(self.conv(f"{name}.body.3", t))
            delta = deltas[self.delta_channels(k)]
            steps.append(self.conv(f"{name}.head", t) * norm + delta * torch.from_numpy(symbols[k]).float())
        channels, rows, columns = steps[0].shape
        latent = torch.empty(channels, 2 * rows, 2 * columns)
        for k, step in enumerate(places(channels, self.config["fine_channels"])):
            for i, (row, column) in enumerate(step):
                latent[i, row::2, column::2] = steps[k][i]
        return latent

    def delta_channels(self, k: int) -> list[int]:
        """Channels of the quantisation steps of step k, by index."""
        channels, fine = self.config["latent_channels"], self.config["fine_channels"]
        ends = part_ends(channels, fine)[:4]
        groups = [sum(i >= end for end in ends) for i in range(channels)]
        return [4 * groups[i] + 2 * row + column for i, (row, column) in enumerate(places(channels, fine)[k])]

    def image(self, latent: Tensor) -> Tensor:
        """[3, H', W'], nominally 0 to 1."""
        first, second = self.config["blocks_16"], self.config["blocks_8"]
        u = latent * torch.exp(self.row("log_inverse_gain"))
        linear = shuffle(torch.tensordot(self.tensors["g_s.klt"], u, dims=1), 16)
        v = self.conv("g_s.stem", u / self.tensors["g_s.klt_std"][:, None, None]) + self.row("g_s.quality")
        for i in range(first):
            v = self.block(i, v)
        v = shuffle(self.conv(f"g_s.body.{first}", v))
        for i in range(first + 2, first + 2 + second):
            v = self.block(i, v)
        v = shuffle(self.conv(f"g_s.body.{first + second + 3}", lrelu(v)), 8)
        return self.restored(linear + v) + 0.5

    def restored(self, x: Tensor) -> Tensor:
        """An image behind the restoration filter."""
        v = lrelu(self.conv("g_s.restoration.stem", x) + self.row("g_s.restoration.quality"))
        for i in range(1, self.config["blocks_1"] + 1):
            v = lrelu(v + self.conv(f"g_s.restoration.body.{i}.conv", v))
        return x + self.conv(f"g_s.restoration.body.{self.config['blocks_1'] + 1}", v)

    def block(self, i: int, v: Tensor) -> Tensor:
        """A residual block."""
        name = f"g_s.body.{i}"
        return v + self.conv(f"{name}.conv2", lrelu(self.conv(f"{name}.conv1", v)))


def lrelu(t: Tensor) -> Tensor:
    """Negative values times 0.1."""
    return torch.where(t > 0, t, 0.1 * t)


def shuffle(x: Tensor, n: int = 2) -> Tensor:
    """[n²C, h, w] to [C, nh, nw]."""
    channels, height, width = x.shape
    cells = x.reshape(channels // n**2, n, n, height, width)
    return cells.permute(0, 3, 1, 4, 2).reshape(channels // n**2, n * height, n * width)


@torch.inference_mode()
def pixels(model: Model, file: File, symbols: list[tuple[Integers, Integers]]) -> NDArray[np.uint8]:
    """Red, green and blue, uint8 [H, W, 3], from the symbols of z and y of each tile."""
    networks = Networks(model, file.quality)
    rows, columns = (4 * -(-length // 64) for length in (file.height, file.width))
    latent = torch.full((model.config["latent_channels"], rows, columns), torch.nan)
    for tile, (z, y) in zip(file.tiles(), symbols, strict=True):
        own = networks.latent(z, y)
        top, left = tile.top // 16, tile.left // 16
        latent[:, top : top + own.shape[1], left : left + own.shape[2]] = own
    image = networks.image(latent)[:, : file.height, : file.width].permute(1, 2, 0).numpy()
    return np.clip(np.floor(255 * image + np.float32(0.5)), 0, 255).astype(np.uint8)
