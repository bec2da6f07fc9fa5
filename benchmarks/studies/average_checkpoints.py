"""One checkpoint of several: ``average_checkpoints.py --part 3 LONG --part 1 SHORT -o mean.checkpoint``.

Runs that went on from the same weights can be averaged, weight by weight; the mean is often better than each of them
(Wortsman et al., "Model soups", ICML 2022, section 2). `scripts/export.py` makes a model of the mean.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
import torch
from torch import Tensor

from cnncompress.errors import CnncompressError
from cnncompress.files.outputs import check_output
from cnncompress.named_errors import naming
from cnncompress.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def averaged(parts: list[tuple[float, Checkpoint]]) -> Checkpoint:
    """Returns the first checkpoint with the weighted mean of the averaged weights of all.

    Args:
        parts: Weight of each checkpoint, above 0, and the checkpoint.

    Raises:
        ValueError: They are not of the same network.
    """
    _, first = parts[0]
    if any(other.config.model != first.config.model for _, other in parts):
        raise ValueError("the checkpoints are not of the same network")
    total = sum(weight for weight, _ in parts)

    def mean(name: str, tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        summed = sum((weight / total * other.average[name].double() for weight, other in parts), torch.zeros(()))
        return summed.to(tensor.dtype)

    return replace(first, average={name: mean(name, tensor) for name, tensor in first.average.items()})


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--part",
    "parts",
    required=True,
    multiple=True,
    type=(click.FloatRange(min=0, min_open=True), click.Path(path_type=Path)),
    metavar="WEIGHT CHECKPOINT",
    help="A checkpoint and its weight in the mean. The first one gives configuration, step and state of the result.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Checkpoint to write.")
@click.option("-f", "--force", is_flag=True, help="Replace it if it exists.")
def main(parts: tuple[tuple[float, Path], ...], output: Path, force: bool) -> None:
    """Average the weights of several checkpoints of one network."""
    try:
        with naming(output):
            check_output(str(output), force=force)
        save_checkpoint(averaged([(weight, load_checkpoint(path)) for weight, path in parts]), output)
    except (CnncompressError, ValueError) as error:
        sys.exit(f"average_checkpoints: {error}")


if __name__ == "__main__":
    main()
