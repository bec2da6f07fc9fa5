"""Trains a restoration filter alone on crops that a model coded, and judges it on others:

``python benchmarks/studies/restoration_filters.py CROPS --cell 2 --width 32 --layers 1 --seconds 60``

CROPS is what ``restoration_crops.py`` wrote. Gains are against no filter: mean PSNR and SSIMULACRA2 over qualities and
images, and the distortion ``mix-0.6``, as the geometric mean of its ratios at the qualities. ``--start`` takes the
filter of a model, to judge it (``--seconds 0``) or to train it on.

``--by-quality 10|50|90|all`` trains that filter and the synthesis transform's last convolution together, at one quality
or at all three: the difference is the most that weights of their own for each quality can bring.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import click
import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from restoration_crops import CROP, Crops, read_crops
from torch import Tensor, nn

from cnncompress.evaluation.metrics import psnr, ssimulacra2
from cnncompress.model.config import PATCH, ModelConfig
from cnncompress.model.weights import load_weights
from cnncompress.nn.blocks import ResidualLayer, activation, conv3x3, zero_initialised
from cnncompress.nn.quality import QualityTable, lambda_at
from cnncompress.nn.stored import network_of
from cnncompress.training.objective import MSE, Mix

LAMBDAS = ModelConfig().lambdas
WEIGHT_EXPONENT = 0.4
OBJECTIVE = Mix(0.6)
FIRST_SIDE, LAST_SIDE = 128, 192


class Candidate(nn.Module):
    """A filter on cells of pixels: 3 to C channels, residual layers, and back, between space-to-depth and its inverse.

    Args:
        cell: Side of a cell in pixels.
        width: C.
        layers: Residual layers.
        noise: Whether it sees the logarithm of the squared error that the scale levels let expect.
        features: Channels that a convolution of their own makes for it of the features at 1/8.
        haar: Factor of the three detail bands of a Haar transform of cells of 2; 0 for the pixels themselves.
    """

    def __init__(self, cell: int, width: int, layers: int, noise: bool, features: int, haar: float) -> None:
        super().__init__()
        self.cell, self.noise, self.features, self.haar = cell, noise, features, haar
        own = 3 * cell * cell
        self.stem = conv3x3(own + noise + features, width)
        self.quality = QualityTable(len(LAMBDAS), width)
        self.body = nn.Sequential(
            activation(),
            *(ResidualLayer(width) for _ in range(layers)),
            zero_initialised(conv3x3(width, own)),
        )
        if features:
            self.tap = conv3x3(96, features * (8 // cell) ** 2)
        bands = 0.5 * torch.tensor([[1.0, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]])
        gains = torch.tensor([1.0, haar, haar, haar])[:, None]
        self.register_buffer("analysis", torch.block_diag(*[gains * bands] * 3)[:, :, None, None])
        self.register_buffer("synthesis", torch.block_diag(*[bands.T] * 3)[:, :, None, None])

    def forward(self, x: Tensor, position: Tensor, features: Tensor, expected: Tensor) -> Tensor:
        """Restores images; arguments as in `Crops`, but in float32."""
        cells = F.pixel_unshuffle(x, self.cell)
        if self.haar:
            with torch.autocast("cpu", enabled=False):
                cells = F.conv2d(cells, self.get_buffer("analysis"))
        inputs = [cells]
        if self.noise:
            scale = PATCH // self.cell
            inputs.append(0.25 * F.interpolate(expected.log(), scale_factor=scale) + 2.0)
        if self.features:
            inputs.append(F.pixel_shuffle(self.tap(features), 8 // self.cell))
        hidden = self.stem(torch.cat(inputs, 1).contiguous(memory_format=torch.channels_last))
        change = self.body(hidden + self.quality(position)).float()
        if self.haar:
            change = F.conv2d(change, self.get_buffer("synthesis"))
        return x + F.pixel_shuffle(change, self.cell)

    @property
    def kmac_per_pixel(self) -> float:
        """Thousand multiply-accumulates per pixel."""
        sizes = {id(m): m.weight.numel() for m in self.modules() if isinstance(m, nn.Conv2d)}
        tap = sizes.pop(id(self.tap)) / 64 if self.features else 0.0
        return (sum(sizes.values()) / self.cell**2 + tap) / 1000


class LastLayers(nn.Module):
    """A filter, and a change of the synthesis transform's last convolution in front of it."""

    def __init__(self, restoration: Candidate) -> None:
        super().__init__()
        self.restoration = restoration
        self.change = zero_initialised(conv3x3(96, 192))

    def forward(self, x: Tensor, position: Tensor, features: Tensor, expected: Tensor) -> Tensor:
        """As `Candidate.forward`."""
        changed = x + F.pixel_shuffle(self.change(features).float(), 8)
        restored: Tensor = self.restoration(changed, position, features, expected)
        return restored


def _part(crops: Crops, index: int, side: int, random: Generator, flips: list[int]) -> list[Tensor]:
    """A square of a crop: what a filter is called with, but for the position, and the original."""
    top, left = (int(edge) for edge in random.integers((CROP - side) // PATCH + 1, size=2))

    def cut(values: Tensor, scale: int) -> Tensor:
        rows, columns = (slice(edge * scale, (edge + side // PATCH) * scale) for edge in (top, left))
        return values[index : index + 1, :, rows, columns].float().flip(flips)

    return [cut(crops.unrestored, 16), cut(crops.features, 2), cut(crops.expected, 1), cut(crops.x, 16) / 255.0]


def train(model: nn.Module, crops: Crops, indices: Tensor, seconds: float, rate: float, first: float, seed: int) -> int:
    """Trains with squared error on squares of 128 pixels, then with the mix on squares of 192; returns the steps.

    Args:
        model: The filter.
        crops: To train on.
        indices: Which of them, by quality: a batch has one of each quarter, or of each third if there are three.
        seconds: Of CPU time.
        rate: Of Adam; falls to zero in the second half.
        first: Share of the time that the squared error gets.
        seed: Of everything random.
    """
    random = np.random.default_rng(seed)
    strata = indices.chunk(3 if len(crops.quality.unique()) == 3 else 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    started, steps = time.process_time(), 0
    while (progress := (time.process_time() - started) / seconds if seconds else 1.0) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (steps + 1) / 30) * min(1.0, 2.0 * (1.0 - progress))
        side = FIRST_SIDE if progress < first else LAST_SIDE
        flips = [axis for axis in (2, 3) if random.random() < 0.5]
        chosen = [int(stratum[random.integers(len(stratum))]) for stratum in strata]
        parts = zip(*(_part(crops, index, side, random, flips) for index in chosen), strict=True)
        x, features, expected, original = (
            torch.cat(part).contiguous(memory_format=torch.channels_last) for part in parts
        )
        position = crops.position[chosen]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            restored = model(x, position, features, expected) + 0.5
        lmbda = lambda_at(LAMBDAS, position)
        objective = MSE if progress < first else OBJECTIVE
        weight = lmbda**-WEIGHT_EXPONENT
        loss = (weight * lmbda * objective.distortion(original, restored, lmbda)).sum() / weight.sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps += 1
    return steps


@torch.inference_mode()
def judge(model: nn.Module | None, crops: Crops, indices: Sequence[int]) -> dict[int, tuple[float, float, float]]:
    """Means by quality of PSNR, of the distortion ``mix-0.6`` and of SSIMULACRA2."""
    rows: dict[int, list[tuple[float, float, float]]] = {}
    for index in indices:
        here = slice(index, index + 1)
        x, features = crops.unrestored[here].float(), crops.features[here].float()
        position, original = crops.position[here], crops.x[here].float() / 255.0
        restored = x if model is None else model(x, position, features, crops.expected[here])
        restored = (restored + 0.5).clamp(0.0, 1.0)
        distortion = float(OBJECTIVE.distortion(original, restored, lambda_at(LAMBDAS, position)))
        pixels = [(255.0 * y[0] + 0.5).byte().permute(1, 2, 0).numpy() for y in (original, restored)]
        row = (psnr(*pixels), distortion, ssimulacra2(*pixels) or 0.0)
        rows.setdefault(int(crops.quality[index]), []).append(row)
    means = {}
    for quality, own in rows.items():
        decibels, distortions, scores = zip(*own, strict=True)
        means[quality] = (fmean(decibels), fmean(distortions), fmean(scores))
    return means


def gains(
    name: str, after: dict[int, tuple[float, float, float]], before: dict[int, tuple[float, float, float]]
) -> str:
    """A line of differences."""
    pairs = [(after[quality], before[quality]) for quality in after]
    decibel, score = (fmean(new[n] - old[n] for new, old in pairs) for n in (0, 2))
    ratio = float(np.exp(fmean(np.log(new[1] / old[1]) for new, old in pairs)))
    return f"{name:10} PSNR {decibel:+.3f} dB, mix-0.6 {100 * (ratio - 1):+.2f} %, SSIMULACRA2 {score:+.2f}"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--cell", default=1, help="Side of a cell of space-to-depth.")
@click.option("--width", default=16, help="Channels.")
@click.option("--layers", default=2, help="Residual layers.")
@click.option("--noise", is_flag=True, help="Show it the error that the scale levels let expect.")
@click.option("--features", default=0, help="Channels made of the features at 1/8.")
@click.option("--haar", default=0.0, help="Factor of the details of a Haar transform; 0 for none.")
@click.option("--start", help="Model whose filter is taken.")
@click.option("--by-quality", type=click.Choice(["10", "50", "90", "all"]), help="Train the last layers at a quality.")
@click.option("--seconds", default=60.0, help="CPU time.")
@click.option("--rate", default=2e-3, help="Of Adam.")
@click.option("--first", default=0.5, help="Share of the time with squared error.")
@click.option("--seed", default=1)
def main(
    folder: Path, start: str | None, by_quality: str | None, seconds: float, rate: float, first: float, seed: int,
    **shape: Any,
) -> None:  # fmt: skip
    """Train a filter on the crops in FOLDER."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    candidate = Candidate(**shape)
    if start is not None:
        state = network_of(load_weights(start)).g_s.restoration.state_dict()
        candidate.load_state_dict(state, strict=False)
    model: nn.Module = candidate if by_quality is None else LastLayers(candidate)
    model.to(memory_format=torch.channels_last)
    crops = read_crops(folder, "training" if by_quality is None else "by-quality")
    held_out = read_crops(folder, "held-out")
    wanted = {"10", "50", "90"} if by_quality == "all" else {by_quality}

    def chosen(of: Crops) -> list[int]:
        return [n for n, q in enumerate(of.quality.tolist()) if by_quality is None or f"{q:g}" in wanted]

    own = torch.tensor(chosen(crops))
    before = judge(None if by_quality is None else model, held_out, chosen(held_out))
    steps = train(model, crops, own[crops.position[own].argsort()], seconds, rate, first, seed)
    after = judge(model, held_out, chosen(held_out))
    click.echo(f"{candidate.kmac_per_pixel:.2f} kMAC per pixel, {steps} steps")
    for quality in after:
        click.echo(gains(f"quality {quality}", {quality: after[quality]}, before))
    click.echo(gains("mean", after, before))


if __name__ == "__main__":
    main()
