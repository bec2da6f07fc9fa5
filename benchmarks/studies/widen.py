"""A trained model with more latent channels: ``widen.py MODEL IMAGES... --channels 512 -o wide.safetensors``.

What its latent left out becomes a second band, which starts in use; ``cnncompress train --from wide.safetensors``
trains it on. The new channels hold the Karhunen-Loève transform of what the linear path of the trained analysis does
not span, so that the model is better at high rates before the first step of training; the networks see them through
weights of zero.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch import Tensor

from cnncompress.entropy.parts import STEPS, coding_parts
from cnncompress.errors import CnncompressError
from cnncompress.model.config import SCALE_MIN, ModelConfig
from cnncompress.model.weights import load_weights
from cnncompress.nn.transforms import PATCH_VALUES
from cnncompress.training.data import load_images, split_held_out
from cnncompress.training.export import counting_images, write_model
from cnncompress.training.hyperprior import HyperpriorModel, trainable_model
from cnncompress.training.initialise import patch_covariance
from cnncompress.training.loop import KLT_PATCHES
from cnncompress.training.session import HELD_OUT

FAINTEST = 20
"""New channels start with the mean gains and the mean scale prediction of so many channels, the last old ones."""


@torch.no_grad()
def widened(model: HyperpriorModel, channels: int, covariance: Tensor) -> HyperpriorModel:
    """Adds a band of fine channels to a trained model.

    Args:
        model: The model, with a single band.
        channels: Latent channels of the new model, the old ones included; a multiple of 4, at most 768.
        covariance: From `cnncompress.training.initialise.patch_covariance`.

    Returns:
        A new model on the CPU, which codes the old channels as before, apart from what rounding leaves.

    Raises:
        ValueError: The model has two bands already, or ``channels`` is out of range.
    """
    old = model.config
    if old.fine_channels:
        raise ValueError("the model has a band of fine channels already")
    if not old.latent_channels < channels <= PATCH_VALUES:
        raise ValueError(f"{channels} channels, must be within {old.latent_channels + 1} .. {PATCH_VALUES}")
    config = replace(old, latent_channels=channels, fine_channels=channels - old.latent_channels)
    with torch.random.fork_rng(devices=[]):
        wide = HyperpriorModel(config)
    state = model.state_dict()
    wide.load_state_dict(
        {
            key: _padded(state[key].cpu(), tensor.shape, _blocks(key, old), _blocks(key, config))
            for key, tensor in wide.state_dict().items()
        }
    )
    _fill_fine_band(wide, covariance)
    return wide


def _blocks(key: str, config: ModelConfig) -> list[int] | None:
    """Channels that lie one after the other in a tensor, in blocks that grow; None if there is one block only."""
    match key.split("."):
        case ["network", "context", step, "stem", "weight"]:
            return [config.hyper_features, *[config.latent_channels] * int(step)]
        case ["scales", "context", "stem", index, "weight"]:  # the first part has no network
            return [part.size for part in coding_parts(config.bands)[: int(index) + 2]]
        case ["scales", "convolutions", "3", _]:
            return [config.latent_channels] * STEPS
    return None


def _padded(old: Tensor, shape: torch.Size, old_blocks: list[int] | None, new_blocks: list[int] | None) -> Tensor:
    """A tensor with zeros after each of its blocks along the dimension that has grown."""
    grown = [dim for dim, size in enumerate(shape) if size != old.shape[dim]]
    if not grown:
        return old
    (dim,) = grown
    new = old.new_zeros(shape)
    sources = old.split(old_blocks or [old.shape[dim]], dim)
    for source, target in zip(sources, new.split(new_blocks or [shape[dim]], dim), strict=True):
        target.narrow(dim, 0, source.shape[dim]).copy_(source)
    return new


def _fill_fine_band(wide: HyperpriorModel, covariance: Tensor) -> None:
    network, scales = wide.network, wide.scales
    fine = wide.config.fine_channels
    first = wide.config.latent_channels - fine
    faintest = slice(max(0, first - FAINTEST), first)

    spanned, _ = torch.linalg.qr(network.g_a.klt[:first].double().T)
    rest = torch.eye(PATCH_VALUES, dtype=torch.float64) - spanned @ spanned.T
    values, vectors = torch.linalg.eigh(rest @ covariance @ rest)
    std = values.flip(0)[:fine].clamp(min=1e-12).sqrt().float()
    basis = vectors.flip(1)[:, :fine].float()
    network.g_a.klt[first:] = basis.T
    network.g_s.klt[:, first:] = basis
    for transform in (network.g_a, network.g_s):
        transform.klt_std[first:] = std

    for table in (network.log_gain.table, network.log_inverse_gain.table):
        table[:, first:] = table[:, faintest].mean(1, keepdim=True)
    log_gain = network.log_gain.table[:, faintest].mean(1, keepdim=True)
    scales.offset.table[:, first:] = std.log() + log_gain - math.log(SCALE_MIN)
    for parameter in scales.convolutions[-1].parameters():  # a row for each channel in each step
        rows = parameter.view(STEPS, -1, *parameter.shape[1:])
        rows[:, first:] = rows[:, faintest].mean(1, keepdim=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("model")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--channels", required=True, type=int, help="Latent channels of the new model.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Model to write.")
@click.option("-f", "--force", is_flag=True, help="Replace it if it exists.")
def main(model: str, images: tuple[Path, ...], channels: int, output: Path, force: bool) -> None:
    """Give MODEL more latent channels, for what it leaves out of the training IMAGES."""
    try:
        training, _ = split_held_out(load_images(images), HELD_OUT)
        pool = list(training.values())
        wide = widened(trainable_model(load_weights(model)), channels, patch_covariance(pool, KLT_PATCHES, 1))
        written = write_model(wide, counting_images(pool), output, force=force)
    except (CnncompressError, ValueError) as error:
        sys.exit(f"widen: {error}")
    click.echo(f"{output}: model {written.sha256[:8]}, {channels} latent channels")


if __name__ == "__main__":
    main()
