"""Centroids and dead zones: ``python benchmarks/studies/centroids.py MODEL IMAGES -o FOLDER``.

The decoder takes each symbol for the middle of its interval, ``mean + s``. The distributions fall towards their ends,
so the mean of what was rounded to s lies closer to zero: ``mean + s + shift[level, |s|] * sign(s)``, with shifts
counted on training crops. The synthesis was trained without them and has learned some of that bias, so it is trained on
alone, for the same minutes with and without shifts. The spatial context keeps to ``mean + s``: rates stay as they were.

Two runs: without shifts, and with a learned share of them for each channel and anchor quality, which starts at zero.
Then both are judged on held-out images, with dead zones of several strengths; and the first with all shifts as well.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from code_images import middle
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2
from table_classes import table_bits
from torch import Tensor

from cnncompress.codec.latents import LatentTransform, Quantised
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.dead_zone import STRENGTH, widenings
from cnncompress.evaluation.bdrate import bd_rate
from cnncompress.evaluation.curves import Curve
from cnncompress.evaluation.metrics import PSNR, SSIMULACRA2
from cnncompress.model.config import SCALE_LEVELS
from cnncompress.model.weights import Weights, load_weights
from cnncompress.nn.network import CodecNetwork
from cnncompress.nn.quality import QualityTable, lambda_at, quality_position
from cnncompress.nn.stored import network_of
from cnncompress.training.data import load_images, split_held_out
from cnncompress.training.session import HELD_OUT
from cnncompress.units import hundredths_of

QUALITIES = (5, 25, 45, 65, 85)
CROP = 256
BATCH = 4
MAGNITUDES = 5
RATE = 1e-4
TABLE_RATE = 2e-3
WEIGHT_EXPONENT = 0.4
RUNS = ("without", "a learned share")
_ALL = "all, after training without"
_REFERENCE = "0.02"
STRENGTHS: dict[str, tuple[float, float]] = {
    _REFERENCE: (0.02, 0.02),
    "0.01": (0.01, 0.01),
    "0.03": (0.03, 0.03),
    "0.05 .. 0.025": (0.05, 0.025),
}
"""Widening in steps per bit at quality 0 and at quality 100."""


@dataclass(frozen=True)
class CodedCrop:
    """A training crop and what a decoder has of it.

    Attributes:
        pixels: uint8 ``[3, 256, 256]``.
        quality: 0 .. 100.
        y_hat: float32 ``[1, M, 16, 16]``, without shifts.
        cells: int64 of the same shape: which shift each element would get, ``MAGNITUDES * level + min(|s|, 4)``.
        signs: float32 of the same shape: the symbols' signs times their quantisation steps.
    """

    pixels: Tensor
    quality: float
    y_hat: Tensor
    cells: Tensor
    signs: Tensor

    def shifts(self, table: Tensor) -> Tensor:
        """What is added to ``y_hat``, by a table ``[320]``."""
        return table[self.cells] * self.signs


class Gate(torch.nn.Module):
    """How much of its shift each channel gets."""

    def __init__(self, network: CodecNetwork, share: float = 0.0) -> None:
        super().__init__()
        self.share = QualityTable(network.config.anchors, network.config.latent_channels)
        torch.nn.init.constant_(self.share.table, share)

    def forward(self, y_hat: Tensor, shifts: Tensor, position: Tensor) -> Tensor:
        """Returns the latent that the synthesis gets."""
        gated: Tensor = y_hat + self.share(position) * shifts
        return gated


def cells_and_signs(engine: TorchEngine, quantised: Quantised) -> tuple[Tensor, Tensor]:
    """Which shift each element of the latent gets, and in which direction by which step: ``[1, M, h, w]`` both."""
    (latents,) = quantised.latents
    symbols = torch.from_numpy(latents.y)[None]
    levels = torch.from_numpy(latents.y_levels)[None].long()
    cells = MAGNITUDES * levels + symbols.abs().clamp(max=MAGNITUDES - 1)
    return engine.merge(cells), engine.merge(symbols.sign() * quantised.walk.deltas())


def prepare(
    engine: TorchEngine, weights: Weights, images: list[Tensor], number: int, rng: np.random.Generator
) -> tuple[list[CodedCrop], Tensor]:
    """Codes crops of training images, and counts the shifts.

    Returns:
        The crops, and float32 ``[320]``: the mean of ``(residual - s) * sign(s)`` by level and magnitude.
    """
    transform = LatentTransform(engine, weights.scales)
    sums, counts = torch.zeros(SCALE_LEVELS * MAGNITUDES).double(), torch.zeros(SCALE_LEVELS * MAGNITUDES).double()
    crops = []
    areas = np.array([image.shape[1] * image.shape[2] for image in images], float)
    for index in rng.choice(len(images), number, p=areas / areas.sum()):
        image = images[index]
        top, left = (int(rng.integers(length - CROP + 1)) for length in image.shape[1:])
        pixels = image[:, top : top + CROP, left : left + CROP].clone()
        quality = float(rng.uniform(0, 100))
        unrounded = transform.analyse(pixels.permute(1, 2, 0).numpy()[None], hundredths_of(quality))
        quantised = transform.quantise(unrounded, hundredths_of(quality))
        cells, signs = cells_and_signs(engine, quantised)
        residuals = engine.merge((unrounded.y - quantised.walk.means()) / quantised.walk.deltas())
        symbols = engine.merge(torch.from_numpy(quantised.latents[0].y)[None])
        inside = ((residuals - symbols) * signs.sign())[signs != 0].double()
        sums.index_add_(0, cells[signs != 0], inside)
        counts.index_add_(0, cells[signs != 0], torch.ones_like(inside))
        crops.append(CodedCrop(pixels, quality, quantised.y_hat, cells, signs))
    trust = 50.0  # symbols; few are of the largest levels
    return crops, (sums / (counts + trust)).float()


def train(network: CodecNetwork, gate: Gate, crops: list[CodedCrop], table: Tensor, minutes: float) -> int:
    """Trains the synthesis (and the gate) for some CPU minutes; returns how many steps those were."""
    network.requires_grad_(False)
    network.g_s.requires_grad_(True)
    groups = [{"params": list(network.g_s.parameters()), "lr": RATE}]
    groups.append({"params": list(gate.parameters()), "lr": TABLE_RATE})
    optimiser = torch.optim.Adam(groups)
    rates = [group["lr"] for group in optimiser.param_groups]
    rng = np.random.default_rng(0)
    start, steps = time.process_time(), 0
    while (elapsed := (time.process_time() - start) / (60 * minutes)) < 1:
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * min(1.0, 2 * (1 - elapsed), (steps + 1) / 50)
        batch = [crops[index] for index in rng.integers(len(crops), size=BATCH)]
        x = torch.stack([crop.pixels for crop in batch]).float().div(255).contiguous(memory_format=torch.channels_last)
        position = quality_position(torch.tensor([crop.quality for crop in batch]), network.config.anchors)
        y_hat = torch.cat([crop.y_hat for crop in batch])
        shifts = torch.cat([crop.shifts(table) for crop in batch])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x_hat = network.synthesise(gate(y_hat, shifts, position), position)
        weight = lambda_at(network.config.lambdas, position) ** (1 - WEIGHT_EXPONENT)
        loss = (weight * (x_hat.float() - x).square().mean((1, 2, 3))).sum() * 255**2
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()
        steps += 1
    return steps


def scores(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> tuple[float, float]:
    """PSNR and SSIMULACRA2 of uint8 ``[H, W, 3]``."""
    files = []
    for pixels in (original, decoded):
        files.append(io.BytesIO())
        Image.fromarray(pixels).save(files[-1], "PPM")
        files[-1].seek(0)
    mse = np.square(original.astype(float) - decoded).mean()
    return float(10 * np.log10(255**2 / mse)), float(compute_ssimulacra2(*files))


def quantise_all(
    engine: TorchEngine,
    weights: Weights,
    originals: list[NDArray[np.uint8]],
    strengths: tuple[float, float],
    bits: NDArray[np.float64],
) -> list[tuple[float, list[tuple[Tensor, Tensor, Tensor]]]]:
    """Codes the held-out images: bits per pixel (mean) and what a decoder has of each, by quality."""
    transform = LatentTransform(engine, weights.scales)
    coded = []
    for quality in QUALITIES:
        strength = strengths[0] + (strengths[1] - strengths[0]) * quality / 100
        # Rounding takes at most a half, which the strongest dead zone would exceed at the lowest levels.
        transform._widenings = np.minimum(widenings() * np.float32(strength / STRENGTH), np.float32(0.5))
        rates, decoded = [], []
        for original in originals:
            unrounded = transform.analyse(original[None], hundredths_of(quality))
            quantised = transform.quantise(unrounded, hundredths_of(quality))
            (latents,) = quantised.latents
            total = sum(
                bits[levels, np.minimum(np.abs(symbols), bits.shape[1] - 1)].sum()
                for symbols, levels in ((latents.y, latents.y_levels), (latents.z, latents.z_levels))
            )
            rates.append(total / (original.shape[0] * original.shape[1]))
            decoded.append((quantised.y_hat, *cells_and_signs(engine, quantised)))
        coded.append((float(np.mean(rates)), decoded))
    return coded


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("model")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the trained synthesis."
)
@click.option("--minutes", default=4.0, help="CPU minutes of each run.")
@click.option("--crops", "number", default=600, help="Training crops.")
@click.option("--every", default=3, help="Judge one of so many held-out images.")
def main(model: str, images: tuple[Path, ...], output: Path, minutes: float, number: int, every: int) -> None:
    """Train and judge on IMAGES what MODEL makes of centroids."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    output.mkdir(parents=True, exist_ok=True)
    training, held_out = split_held_out(load_images(images), HELD_OUT)
    judged = [middle(image) for image in list(held_out.values())[::every]]
    sources = [image.clone() for image in training.values() if min(image.shape[1:]) >= CROP]
    weights = load_weights(model)
    engine = TorchEngine(network_of(weights), torch.device("cpu"))
    crops, table = prepare(engine, weights, sources, number, np.random.default_rng(1))
    del training, sources, held_out
    torch.save(table, output / "shifts.pt")
    print(f"prepared after {time.process_time():.0f} CPU s", flush=True)
    for run in RUNS:
        path = output / f"{run}.pt"
        if path.exists():
            continue
        own = network_of(weights).to(memory_format=torch.channels_last)
        gate = Gate(own).requires_grad_(run == RUNS[1])
        steps = train(own, gate, crops, table, minutes)
        torch.save({"g_s": own.g_s.state_dict(), "gate": gate.state_dict(), "steps": steps}, path)
        print(f"{run}: {steps} steps", flush=True)
    judge(engine, weights, judged, table, output)


def as_curve(name: str, points: list[tuple[float, float, float]], metric: int) -> Curve:
    """Rate against PSNR (1) or SSIMULACRA2 (2)."""
    measure = (PSNR, SSIMULACRA2)[metric - 1]
    return Curve(name, measure, tuple(point[0] for point in points), tuple(point[metric] for point in points))


@torch.inference_mode()
def judge(engine: TorchEngine, weights: Weights, images: list[Tensor], table: Tensor, output: Path) -> None:
    """Prints BD-rates against the model as it was."""
    bits = np.stack([table_bits(level) for level in weights.tables.split()])
    transform, network = LatentTransform(engine, weights.scales), engine.network
    originals = [image.permute(1, 2, 0).contiguous().numpy() for image in images]
    untouched = {key: value.clone() for key, value in network.g_s.state_dict().items()}
    runs = {"as it was": (untouched, Gate(network))}
    for run in RUNS:
        state = torch.load(output / f"{run}.pt")
        gate = Gate(network)
        gate.load_state_dict(state["gate"])
        runs[run] = (state["g_s"], gate)
    runs[_ALL] = (runs[RUNS[0]][0], Gate(network, 1.0))
    curves: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    print("| shifts | dead zone | PSNR | SSIMULACRA2 | change of the rate at equal PSNR at quality 5, 25, 45, 65, 85 |")
    print("| --- | --- | --- | --- | --- |")
    for name, strengths in STRENGTHS.items():
        coded = quantise_all(engine, weights, originals, strengths, bits)
        for run, (state, gate) in runs.items():
            if run == _ALL and name != _REFERENCE:
                continue
            network.g_s.load_state_dict(state)
            curve = []
            for quality, (rate, decoded) in zip(QUALITIES, coded, strict=True):
                position = quality_position(torch.tensor([quality]), network.config.anchors)
                found = []
                for original, (y_hat, cells, signs) in zip(originals, decoded, strict=True):
                    latent = gate(y_hat, table[cells] * signs, position)
                    height, width = original.shape[:2]
                    (pixels,) = transform.synthesise(latent, height, width, hundredths_of(quality))
                    found.append(scores(original, pixels))
                psnr, ssimulacra2 = np.mean(found, axis=0)
                curve.append((rate, float(psnr), float(ssimulacra2)))
            curves[run, name] = curve
            reference = curves["as it was", _REFERENCE]
            changes = [bd_rate(as_curve(run, curve, metric), as_curve("", reference, metric)) for metric in (1, 2)]
            slopes = np.gradient(np.log([p[0] for p in reference]), [p[1] for p in reference])
            at = [
                100 * (np.log(p[0] / q[0]) - slope * (p[1] - q[1]))
                for p, q, slope in zip(curve, reference, slopes, strict=True)
            ]
            local = ", ".join(f"{change:+.2f}" for change in at)
            print(f"| {run} | {name} | {changes[0]:+.2f} % | {changes[1]:+.2f} % | {local} % |", flush=True)


if __name__ == "__main__":
    main()
