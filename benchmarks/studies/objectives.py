"""Train a model on with one objective for some minutes and judge it by four metrics, against where it started:

``python benchmarks/studies/objectives.py IMAGES... --from mix.safetensors --objective mix-0.6 --minutes 8``

The images that the manifest of `models/` holds out are judged and not trained on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import cast

import click
import torch
from code_images import middle
from perceptual_losses import study_objective
from torch import Tensor

from cnncompress.evaluation.bdrate import bd_rate
from cnncompress.evaluation.curves import Curve
from cnncompress.evaluation.metrics import METRICS, Scorer
from cnncompress.model.manifest import models_directory, read_manifest
from cnncompress.model.weights import load_weights
from cnncompress.nn.quality import quality_position
from cnncompress.training.config import Augmentation, Phase, TrainConfig
from cnncompress.training.data import hold_out, load_images
from cnncompress.training.hyperprior import TrainableModel, trainable_model
from cnncompress.training.loop import Trainer

QUALITIES = (5.0, 25.0, 45.0, 65.0, 85.0)


@torch.no_grad()
def curves(model: TrainableModel, images: Sequence[Tensor], name: str) -> list[Curve]:
    """Mean curves of the middles of images, with estimated bits: real rounding, dead zones and simulated integers."""
    scorer = Scorer(METRICS)
    rates, scores = [], []
    for quality in QUALITIES:
        position = quality_position(torch.tensor([quality]), model.config.anchors)
        rate, measured = [], []
        for image in images:
            x = middle(image)[None].float() / 255.0
            output = model.eval()(x.contiguous(memory_format=torch.channels_last), position, simulate_integers=True)
            pixels = [(255.0 * y[0].clamp(0.0, 1.0) + 0.5).byte().permute(1, 2, 0).numpy() for y in (x, output.x_hat)]
            rate.append(float(output.y_bits + output.z_bits) / x[0, 0].numel())
            measured.append(scorer(*pixels))
        rates.append(fmean(rate))
        scores.append(
            {metric: metric.scale(fmean(cast(float, row[metric.name]) for row in measured)) for metric in METRICS}
        )
    return [Curve(name, metric, tuple(rates), tuple(row[metric] for row in scores)) for metric in METRICS]


def phases(synthesis_only: bool) -> tuple[Phase, ...]:
    """A rate that is constant, falls to zero, and ends with the synthesis transform alone; or only the latter."""
    if synthesis_only:
        return (Phase(1.0, 256, 4, last_rate=0.0, simulate_integers=True, synthesis_only=True),)
    return (
        Phase(0.45, 256, 4, simulate_integers=True),
        Phase(0.40, 256, 4, last_rate=0.0, simulate_integers=True),
        Phase(0.15, 256, 4, first_rate=0.6, last_rate=0.0, simulate_integers=True, synthesis_only=True),
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--from", "start", default="base", help="Weights to start from.")
@click.option("--objective", default="mix-0.6", help="Of the package, or chroma-A, xyb-A, ssimulacra2-A, falling-A-B.")
@click.option("--minutes", default=8.0, help="CPU minutes on one thread.")
@click.option("--synthesis-only", is_flag=True, help="Train the synthesis transform alone.")
@click.option("-o", "--output", default="runs/objective.pt", type=click.Path(path_type=Path), help="Checkpoint.")
def main(
    images: tuple[Path, ...], start: str, objective: str, minutes: float, synthesis_only: bool, output: Path
) -> None:
    """Print the BD-rate of training on, by each metric."""
    torch.set_num_threads(1)
    names = {name for entry in read_manifest(models_directory()).entries for name in entry.training.held_out}
    train, held_out = hold_out(load_images(images), names)
    model = trainable_model(load_weights(start))
    config = TrainConfig(
        model=model.config,
        phases=phases(synthesis_only),
        augmentation=Augmentation(transpose=False),
        learning_rate=1.2e-4,
        table_learning_rate=3e-4,
        klt_learning_rate=1e-5,
        warmup_steps=30,
        ema_seconds=75.0,
        rate_weight_exponent=0.4,
        seed=5,
    )
    before = curves(model, list(held_out.values()), "before")
    trainer = Trainer(config, train, {}, torch.device("cpu"), start=model, clock=time.process_time)
    trainer.objective = study_objective(objective)
    trainer.run(minutes, output, final_validation=False)
    after = curves(trainer.averaged, list(held_out.values()), objective)
    for old, new in zip(before, after, strict=True):
        click.echo(f"{old.metric.title:15} {bd_rate(new, old):+6.2f} %")


if __name__ == "__main__":
    main()
