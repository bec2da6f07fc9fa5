"""Codes crops and keeps what the synthesis makes of them:

``python benchmarks/studies/restoration_crops.py MODEL IMAGES -o CROPS``

The studies of the restoration filter read what this one writes, a ``.safetensors`` file for each set of crops of
256x256: ``training`` (each at a quality of its own), ``by-quality`` (each at quality 10, 50 and 90) and ``held-out``
(the middles of the images that training leaves out, at five qualities).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from cnncompress.entropy.parts import STEPS
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS
from cnncompress.model.weights import load_weights
from cnncompress.nn.quality import quality_position
from cnncompress.training.config import Augmentation
from cnncompress.training.crops import RandomCrops
from cnncompress.training.data import load_images, middle, split_held_out
from cnncompress.training.hyperprior import HyperpriorModel, trainable_model
from cnncompress.training.session import HELD_OUT

CROP = 256
QUALITIES = (10.0, 30.0, 50.0, 70.0, 90.0)
SINGLE_QUALITIES = (10.0, 50.0, 90.0)


@dataclass(frozen=True)
class Crops:
    """What a model made of n crops.

    Attributes:
        x: uint8 ``[n, 3, 256, 256]``, the originals.
        quality: float32 ``[n]``, ``0 .. 100``.
        position: float32 ``[n]``, quality as a place among the anchors.
        unrestored: float16 ``[n, 3, 256, 256]``, what goes into the restoration filter.
        features: float16 ``[n, 96, 32, 32]``, what goes into the synthesis transform's last convolution.
        expected: float32 ``[n, 1, 16, 16]``, squared error of each patch that the scale levels let expect.
        bits: float32 ``[n]``.
    """

    x: Tensor
    quality: Tensor
    position: Tensor
    unrestored: Tensor
    features: Tensor
    expected: Tensor
    bits: Tensor


def read_crops(folder: Path, name: str) -> Crops:
    """Reads one of the sets."""
    return Crops(**load_file(folder / f"{name}.safetensors"))


class Coder:
    """Codes crops with real rounding, and takes along what passes through the synthesis."""

    def __init__(self, model: HyperpriorModel) -> None:
        self.model = model.eval().to(memory_format=torch.channels_last)
        self.squared_error = torch.zeros(SCALE_LEVELS, dtype=torch.float64)
        self.count = torch.zeros(SCALE_LEVELS, dtype=torch.float64)
        self._seen: dict[str, Tensor] = {}
        self._rounded: list[tuple[Tensor, Tensor]] = []
        synthesis = model.network.g_s
        self._keep(synthesis.body[-2], "features")
        self._keep(synthesis.restoration, "unrestored")
        own_round = model._round

        def rounded(residual: Tensor, log_scale: Tensor) -> tuple[Tensor, Tensor]:
            symbols, coded = own_round(residual, log_scale)
            self._rounded.append((log_scale, (residual - symbols).square()))
            return symbols, coded

        setattr(model, "_round", rounded)  # noqa: B010 - a method, which assigning would hide from mypy

    def _keep(self, layer: nn.Module, name: str) -> None:
        layer.register_forward_pre_hook(lambda _, inputs: self._seen.__setitem__(name, inputs[0].half().contiguous()))

    @torch.no_grad()
    def code(self, crops: Iterable[tuple[Tensor, Tensor]]) -> Crops:
        """Codes crops, float32 ``[1, 3, 256, 256]`` each with its position ``[1]``."""
        columns: dict[str, list[Tensor]] = {}
        for x, position in crops:
            self._rounded.clear()
            output = self.model(x, position, simulate_integers=True)
            levels, errors = (self._merged(number) for number in range(2))
            levels = (levels * LEVELS_PER_NAT).round().long()
            self.squared_error.index_add_(0, levels.flatten(), errors.flatten().double())
            self.count += torch.bincount(levels.flatten(), minlength=SCALE_LEVELS)
            pixels = (255.0 * x).round().to(torch.uint8).contiguous()
            quality = (position / (self.model.config.anchors - 1) * 100).round()
            row = {"x": pixels, "quality": quality, "position": position, "levels": levels.to(torch.uint8)}
            for name, value in (row | self._seen | {"bits": output.y_bits + output.z_bits}).items():
                columns.setdefault(name, []).append(value)
        pairs = zip(columns.pop("levels"), columns["position"], strict=True)
        columns["expected"] = [self._expected(levels, position) for levels, position in pairs]
        return Crops(**{name: torch.cat(values) for name, values in columns.items()})

    def _merged(self, number: int) -> Tensor:
        parts = len(self._rounded) // STEPS
        values = [pair[number] for pair in self._rounded]
        steps = [torch.cat(values[step * parts : (step + 1) * parts], 1) for step in range(STEPS)]
        return self.model.network.partition.merge(steps)

    def _expected(self, levels: Tensor, position: Tensor) -> Tensor:
        """Squared error that the mean error of each scale level adds up to, by the linear path's basis functions."""
        network = self.model.network
        table = (self.squared_error / self.count.clamp(min=1.0)).float()
        norms = network.g_s.klt.square().mean(0)[:, None, None]
        errors: Tensor = table[levels.long()] * norms * (2.0 * network.log_inverse_gain(position)).exp()
        return errors.sum(1, keepdim=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("model")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--count", default=1200, help="Training crops.")
@click.option("--by-quality", default=120, help="Training crops that are coded at each of three qualities.")
def main(model: str, images: tuple[Path, ...], output: Path, count: int, by_quality: int) -> None:
    """Code crops of IMAGES with MODEL."""
    torch.set_num_threads(1)
    training, held_out = split_held_out(load_images(images), HELD_OUT)
    trainable = trainable_model(load_weights(model))
    coder = Coder(trainable)
    anchors = trainable.config.anchors
    output.mkdir(parents=True, exist_ok=True)

    def position(quality: float) -> Tensor:
        return quality_position(torch.tensor([quality]), anchors)

    def drawn(number: int, seed: int) -> Iterator[Tensor]:
        crops = RandomCrops(training.values(), torch.device("cpu"), Augmentation(), seed)
        return (crops.batch(1, CROP, step) for step in range(number))

    qualities = 100.0 * torch.rand(count, generator=torch.Generator().manual_seed(1))
    middles = [middle(image, CROP)[None].float() / 255.0 for image in held_out.values()]
    sets = {
        "training": ((x, position(float(q))) for x, q in zip(drawn(count, 5), qualities, strict=True)),
        "by-quality": ((x, position(q)) for x in drawn(by_quality, 6) for q in SINGLE_QUALITIES),
        "held-out": ((x, position(q)) for x in middles if x.shape[2:] == (CROP, CROP) for q in QUALITIES),
    }
    for name, crops in sets.items():
        save_file(vars(coder.code(crops)), output / f"{name}.safetensors")


if __name__ == "__main__":
    main()
