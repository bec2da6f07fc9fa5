"""Codes training and held-out images and keeps the symbols: ``python benchmarks/studies/code_images.py``.

The other studies of the entropy model read what this one writes: one ``.npz`` for each image and quality, in the folder
``counted`` (160 training images, each at one quality, as for the tables of a model), ``held-out`` (24 images that
training leaves out, their middle 384x384, at each quality) or ``screens`` (training images that are screenshots and are
not counted, at each quality).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnncompress.codec.latents import LatentTransform
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.scales import scale_levels
from cnncompress.model.weights import load_weights
from cnncompress.nn.stored import network_of
from cnncompress.training.data import load_images, split_held_out
from cnncompress.training.export import COUNTED_QUALITIES, counting_images
from cnncompress.training.session import HELD_OUT
from cnncompress.units import HIGHEST_QUALITY, hundredths_of

QUALITIES = (0, 20, 40, 60, 80, 100)
JUDGED_SIDE = 384
SCREENS = 6


@dataclass(frozen=True)
class CodedImage:
    """The integers of one image.

    Attributes:
        quality: 0 .. 100.
        pixels: Rows times columns.
        y: int16 ``[4, M, n]``, symbols of the latent in coding order.
        y_levels: uint8 of the same shape, their scale levels.
        first_levels: uint8 of the same shape, their levels before the scale context.
        z: int16 ``[N, m]``, symbols of the hyper-latent.
        z_levels: uint8 of the same shape.
    """

    quality: float
    pixels: int
    y: NDArray[np.int16]
    y_levels: NDArray[np.uint8]
    first_levels: NDArray[np.uint8]
    z: NDArray[np.int16]
    z_levels: NDArray[np.uint8]


def read_coded(folder: Path) -> list[CodedImage]:
    """Reads all images of a folder, in the order of their names."""
    images = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as arrays:
            images.append(CodedImage(**{key: value if value.ndim else value.item() for key, value in arrays.items()}))
    return images


def code(transform: LatentTransform, image: Tensor, quality: float) -> CodedImage:
    """Codes uint8 ``[3, H, W]`` at a quality of 0 .. 100."""
    hundredths = hundredths_of(quality)
    latents = transform.encode(image.permute(1, 2, 0).numpy(), hundredths)
    scales = transform.scales
    features = scales.features(latents.z, hundredths)
    first_levels = [scale_levels(scales.in_advance(part, features, hundredths)) for part in range(len(scales.parts))]
    of_y, of_z = (*latents.y.shape[:2], -1), (latents.z.shape[0], -1)
    return CodedImage(
        quality,
        image.shape[1] * image.shape[2],
        latents.y.astype(np.int16).reshape(of_y),
        latents.y_levels.reshape(of_y),
        np.concatenate(first_levels).reshape(of_y),
        latents.z.astype(np.int16).reshape(of_z),
        latents.z_levels.reshape(of_z),
    )


def middle(image: Tensor, side: int = JUDGED_SIDE) -> Tensor:
    """Cuts out the middle, with sides that are multiples of 64."""
    height, width = (min(side, length // 64 * 64) for length in image.shape[1:])
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
def main(model: str, images: tuple[Path, ...], output: Path) -> None:
    """Code training IMAGES with MODEL and write the symbols."""
    torch.set_num_threads(1)
    weights = load_weights(model)
    transform = LatentTransform(TorchEngine(network_of(weights), torch.device("cpu")), weights.scales)
    training, held_out = split_held_out(load_images(images), HELD_OUT)

    def write(folder: str, name: str, image: Tensor, quality: float) -> None:
        path = output / folder / f"{Path(name).stem}-{quality:05.1f}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **vars(code(transform, image, quality)))

    counted = counting_images(list(training.values()))
    for number, image in enumerate(counted):
        step = number % COUNTED_QUALITIES * HIGHEST_QUALITY // (COUNTED_QUALITIES - 1)
        write("counted", f"{number:03d}", image, step / 100)
    storages = {image.untyped_storage().data_ptr() for image in counted}
    screens = [
        (name, image)
        for name, image in training.items()
        if "screens" in name and image.untyped_storage().data_ptr() not in storages
    ]
    for quality in QUALITIES:
        for name, image in held_out.items():
            write("held-out", name, middle(image), quality)
        for name, image in screens[:: len(screens) // SCREENS][:SCREENS]:
            write("screens", name, middle(image, 512), quality)


if __name__ == "__main__":
    main()
