"""What the container costs: ``python benchmarks/studies/container_bytes.py MODEL IMAGES``.

Before, it took 31 bytes: a header of 18, a table entry of 9, a CRC-32 of both beside that of the payload; and the
message was padded to whole words. Sizes are those of whole files, of the 24 images that training leaves out: their
middle 384x384, and their middle square scaled to 256x256.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch
from code_images import QUALITIES, middle
from PIL import Image
from torch import Tensor

from cnncompress import Codec
from cnncompress.bitstream.container import ChunkType, unpack
from cnncompress.training.data import load_images, split_held_out
from cnncompress.training.session import HELD_OUT

BEFORE = 31
WORD = 4
THUMBNAIL = 256


def thumbnail(image: Tensor) -> Image.Image:
    """The middle square of uint8 ``[3, H, W]``, scaled."""
    whole = Image.fromarray(image.permute(1, 2, 0).numpy())
    side = min(whole.size)
    left, top = (whole.width - side) // 2, (whole.height - side) // 2
    return whole.crop((left, top, left + side, top + side)).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)


def sizes(codec: Codec, images: list[Image.Image], quality: float) -> tuple[float, float, float]:
    """Mean bytes of the files, of what is not payload in them, and of the same files before."""
    files = [codec.compress(image, quality) for image in images]
    payloads = [len(unpack(data).payload(ChunkType.LATENTS)) for data in files]
    now = np.array([len(data) for data in files])
    before = np.array([BEFORE + -(-payload // WORD) * WORD for payload in payloads])
    return float(now.mean()), float((now - payloads).mean()), float(before.mean())


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(model: str, images: tuple[Path, ...]) -> None:
    """Compare sizes of files of MODEL."""
    torch.set_num_threads(1)
    codec = Codec(model, "cpu")
    _, held_out = split_held_out(load_images(images), HELD_OUT)
    photographs = [Image.fromarray(middle(image).permute(1, 2, 0).numpy()) for image in held_out.values()]
    thumbnails = [thumbnail(image) for image in held_out.values()]
    print("| images | quality | bytes before | bytes | of which container | change |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, pictures in (("384x384", photographs), ("256x256", thumbnails)):
        changes = []
        for quality in QUALITIES:
            now, container, before = sizes(codec, pictures, quality)
            changes.append(100 * (now / before - 1))
            print(f"| {name} | {quality} | {before:.0f} | {now:.0f} | {container:.1f} | {changes[-1]:+.2f} % |")
        print(f"| {name} | mean | | | | {np.mean(changes):+.2f} % |", flush=True)


if __name__ == "__main__":
    main()
