"""Precision of the integer scale networks: ``python benchmarks/studies/integer_precision.py MODEL IMAGES``.

The scale networks see nothing but symbols, so they can be trained alone on the symbols that a model made once. They are
trained on with simulated integers of several forms, each from the same start, and judged by the mean bits of the
symbols of held-out images at five qualities, z included, without noise. Without ``--steps`` they are only rounded.

The forms here are written out with their numbers of bits as parameters; `cnncompress.nn.twin_layers` has the one that
was chosen. ``--times`` measures that one's whole walk through an image of 768x512 instead, in CPU time on one thread.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_limits
from torch import Tensor

from cnncompress.codec.latents import LatentTransform
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.parts import STEPS
from cnncompress.entropy.scale_context import CENTRE_LEVEL, MAGNITUDES, SURPRISE_BITS
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS, ModelConfig
from cnncompress.model.weights import Weights, load_weights
from cnncompress.nn.gaussian import gaussian_bits
from cnncompress.nn.quality import lambda_at, quality_position
from cnncompress.nn.stored import network_of
from cnncompress.nn.twin_layers import TwinConv2d, nats_to_table, simulated_quantisation
from cnncompress.nn.twin_scale_context import surprises
from cnncompress.nn.twin_scales import ScaleSynthesis
from cnncompress.training.data import load_images, split_held_out
from cnncompress.training.hyperprior import trainable_model
from cnncompress.training.session import HELD_OUT
from cnncompress.units import hundredths_of

QUALITIES = (5, 25, 45, 65, 85)
CROP, HELD_SIDE = 256, 384


@dataclass(frozen=True)
class Form:
    """How numbers are rounded.

    Attributes:
        weight_bits: Fractional bits of all weights; None gives them eight bits with a power of two of their own.
        per_layer: Whether such a power of two is one for a layer, and not for an output channel.
        activation_bits: Fractional bits of activations.
        largest: Largest activation, as an integer.
        surprise_bits: Fractional bits of surprises.
        surprise_limit: Largest surprise, as an integer.
        hyper_limit: Where symbols of z are clipped.
        log_scale_bits: Fractional bits of what the last layers give.
    """

    weight_bits: int | None = None
    per_layer: bool = False
    activation_bits: int = 5
    largest: int = 255
    surprise_bits: int = 5
    surprise_limit: int = 127
    hyper_limit: int = 127
    log_scale_bits: int = 8


FOURTEEN = Form(14, False, 10, (1 << 14) - 1, 10, 1 << 13, 1023, 24)
FORMS = {
    "14 and 14 bits": FOURTEEN,
    "weights of 8 bits": replace(FOURTEEN, weight_bits=None),
    "activations of 8 bits, 4 of them fractional": replace(FOURTEEN, activation_bits=4, largest=255),
    "activations of 8 bits, 5 of them fractional": replace(FOURTEEN, activation_bits=5, largest=255),
    "activations of 8 bits, 6 of them fractional": replace(FOURTEEN, activation_bits=6, largest=255),
    "surprises of 8 bits": replace(FOURTEEN, surprise_bits=5, surprise_limit=127),
    "log-scales of 8 fractional bits": replace(FOURTEEN, log_scale_bits=8),
    "all of these, a shift for each layer": Form(per_layer=True),
    "all of these, a shift for each channel": Form(),
}


@dataclass(frozen=True)
class Coded:
    """Symbols of images of one size: z ``[n, N, h/4, w/4]`` and y ``[n, 4M, h/2, w/2]``, int16; positions ``[n]``."""

    z: Tensor
    y: Tensor
    position: Tensor

    def chosen(self, index: Tensor) -> Coded:
        """Some of the images."""
        return Coded(self.z[index], self.y[index], self.position[index])


def coded(transform: LatentTransform, crops: list[Tensor], qualities: list[float]) -> Coded:
    """Codes crops, uint8 ``[3, h, w]``, at a quality each."""
    latents = [
        transform.encode(crop.permute(1, 2, 0).numpy(), hundredths_of(quality))
        for crop, quality in zip(crops, qualities, strict=True)
    ]
    z, y = (np.stack(parts).astype(np.int16) for parts in ([x.z for x in latents], [x.y for x in latents]))
    positions = quality_position(torch.tensor(qualities), transform.engine.config.anchors)
    return Coded(torch.from_numpy(z), torch.from_numpy(y).flatten(1, 2), positions)


class Simulation:
    """Scale networks of a form."""

    def __init__(self, scales: ScaleSynthesis, form: Form) -> None:
        self.scales, self.form = scales, form
        unit = float(1 << form.surprise_bits)
        limit = form.surprise_limit / unit
        self._surprises = ((surprises() * unit).round() / unit).clamp(-limit, limit).float()

    def _layer(self, layer: TwinConv2d, x: Tensor) -> Tensor:
        weight, bits = layer.weight, self.form.weight_bits
        if bits is not None:
            weight = simulated_quantisation(weight, bits)
        else:
            magnitudes = weight.detach().abs()
            top = magnitudes.amax() if self.form.per_layer else magnitudes.amax((1, 2, 3), keepdim=True)
            weight = simulated_quantisation(weight, torch.log2(127.49 / top.clamp(min=1e-6)).floor())
        return F.conv2d(x, weight, layer.bias, padding=layer.padding)

    def _activation(self, x: Tensor) -> Tensor:
        bits = self.form.activation_bits
        return simulated_quantisation(x.clamp(0.0, self.form.largest / (1 << bits)), bits)

    def bits(self, data: Coded) -> Tensor:
        """Bits of each image: float32 ``[n]``."""
        scales, form, position = self.scales, self.form, data.position
        z, y = data.z.float(), data.y.float()
        first, second, third, last = scales.layers()
        x = self._layer(first, z.clamp(-form.hyper_limit, form.hyper_limit) / 4) + scales.input_bias(position)
        x = F.pixel_shuffle(self._layer(second, self._activation(x)), 2)
        x = self._layer(third, self._activation(x))
        x = simulated_quantisation(self._layer(last, self._activation(x)), form.log_scale_bits)
        nats = x + scales.offset(position).repeat(1, STEPS, 1, 1)
        levels = (nats.detach() * LEVELS_PER_NAT + 0.5).floor().clamp(0, SCALE_LEVELS - 1)
        told = self._surprises[levels.long(), y.abs().clamp(max=MAGNITUDES - 1).long()]
        centred = (levels - CENTRE_LEVEL) / (1 << SURPRISE_BITS)
        total = gaussian_bits(z, scales.hyper_log_scales(position, True)).sum((1, 2, 3))
        for number, part in enumerate(scales.context.parts):
            own = part.in_latent
            log_scales = nats[:, own]
            if number:
                stem, middle, head = scales.context.layers(number)
                x = self._layer(stem, torch.cat([told[:, : own.start], centred[:, own]], 1))
                x = self._layer(head, self._activation(self._layer(middle, self._activation(x))))
                log_scales = log_scales + simulated_quantisation(x, form.log_scale_bits)
            total = total + gaussian_bits(y[:, own], nats_to_table(log_scales, True)).sum((1, 2, 3))
        return total


def train(simulation: Simulation, data: Coded, config: ModelConfig, steps: int, batch: int = 8) -> None:
    """Trains the scale networks in place, and leaves them at an average of their last steps."""
    scales = simulation.scales
    tables = [parameter for name, parameter in scales.named_parameters() if name.endswith("table")]
    others = [parameter for name, parameter in scales.named_parameters() if not name.endswith("table")]
    optimizer = torch.optim.Adam([{"params": others, "lr": 1e-4}, {"params": tables, "lr": 2e-4}])
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 50, 1.0, (steps - step) / (0.5 * steps))
    )
    average = torch.optim.swa_utils.AveragedModel(scales, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.98))
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = data.chosen(torch.randint(len(data.z), (batch,), generator=generator))
        weight = lambda_at(config.lambdas, chosen.position) ** -0.4
        loss = (weight * simulation.bits(chosen)).sum() / weight.sum() / CROP**2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(scales.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(scales)
    scales.load_state_dict(average.module.state_dict())


def best_of(run: Callable[[], object], times: int = 9) -> float:
    """CPU milliseconds of the fastest of several runs."""
    spent = []
    for _ in range(times):
        start = time.process_time()
        run()
        spent.append(time.process_time() - start)
    return 1000 * min(spent)


def walk_time(weights: Weights) -> float:
    """CPU milliseconds for all scale levels of an image of 768x512, of random symbols."""
    generator = np.random.default_rng(1)
    z = generator.integers(-3, 4, (weights.scales.config.hyper_channels, 8, 12)).astype(np.int32)
    y = np.rint(generator.normal(0, 1.2, (weights.scales.parts[-1].in_latent.stop, 16, 24))).astype(np.int32)

    def walk_through() -> None:
        walk = ScaleWalk(weights.scales, z, 5000)
        for part in walk.parts():
            walk.levels()
            walk.add(y[part.in_latent])

    return best_of(walk_through)


@click.command(context_settings={"show_default": True})
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--crops", default=1500, help="Crops of 256x256 to train on, each at a random quality.")
@click.option("--steps", default=0, help="Steps of training, 8 crops each.")
@click.option("--form", "names", multiple=True, type=click.Choice(list(FORMS)), help="Only these; by default all.")
@click.option("--times", is_flag=True, help="Measure the time of a walk instead.")
def main(model: Path, images: tuple[Path, ...], crops: int, steps: int, names: tuple[str, ...], times: bool) -> None:
    """Print a row for each form: change of the bits of held-out images, in per cent of those with 14 bits untrained."""
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    weights = load_weights(model)
    if times:
        click.echo(f"{walk_time(weights):.1f} ms")
        return
    config = weights.scales.config
    transform = LatentTransform(TorchEngine(network_of(weights), torch.device("cpu")), weights.scales)
    pool, held = split_held_out(load_images(images), HELD_OUT)
    large = [image for image in pool.values() if min(image.shape[1:]) >= CROP]
    generator = torch.Generator().manual_seed(1)
    drawn = []
    for _ in range(crops if steps else 0):
        image = large[int(torch.randint(len(large), (), generator=generator))]
        top, left = (int(torch.randint(side - CROP + 1, (), generator=generator)) for side in image.shape[1:])
        drawn.append(image[:, top : top + CROP, left : left + CROP])
    data = coded(transform, drawn, (100 * torch.rand(len(drawn), generator=generator)).tolist()) if drawn else None
    middles = [image[:, :HELD_SIDE, :HELD_SIDE] for image in held.values()]
    judged = [[coded(transform, [image], [quality]) for image in middles] for quality in QUALITIES]
    start = trainable_model(weights).scales
    reference: list[float] = []
    for name in dict.fromkeys(["14 and 14 bits", *(names or FORMS)]):
        for trained in (False, True):
            simulation = Simulation(copy.deepcopy(start), FORMS[name])
            if trained and data is not None:
                train(simulation, data, config, steps)
            elif trained:
                continue
            with torch.no_grad():
                bits = [sum(float(simulation.bits(each).sum()) for each in group) for group in judged]
            reference = reference or bits
            changes = [100 * (found / known - 1) for found, known in zip(bits, reference, strict=True)]
            cells = " | ".join(f"{change:+.3f}" for change in (*changes, sum(changes) / len(changes)))
            click.echo(f"| {name}{', trained' if trained else ''} | {cells} |")


if __name__ == "__main__":
    main()
