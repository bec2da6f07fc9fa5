"""The codec of the article that the project started from, picture in and picture out.

::

    python benchmarks/article.py train photographs/ --minutes 5 -o article.checkpoint
    python benchmarks/article.py code article.checkpoint photo.png back.png -q 50

``train`` trains its network, `cnncompress.training.seed_article`, with the trainer of the codec's own. ``code`` makes a
file of a picture with it, as the article describes it: features, quantised, entropy-coded, and back. It also says what
cnncompress makes of as many bytes. docs/ARTICLE.md goes through the article.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cnncompress import Codec, TargetSize
from cnncompress.cli.exit_codes import exit_codes
from cnncompress.entropy.coder import EntropyModel, SymbolDecoder, SymbolEncoder
from cnncompress.entropy.tables import MAX_RADIUS, build_tables
from cnncompress.errors import Corrupt, InvalidModel
from cnncompress.evaluation.metrics import psnr
from cnncompress.evaluation.pixels import Pixels
from cnncompress.evaluation.sources import load_rgb
from cnncompress.files.outputs import check_output
from cnncompress.model.config import LEVELS_PER_NAT, SCALE_LEVELS
from cnncompress.nn.gaussian import dead_zone, round_with_dead_zone
from cnncompress.nn.quality import quality_position
from cnncompress.nn.twin_layers import nats_to_table
from cnncompress.training.checkpoint import load_checkpoint
from cnncompress.training.config import SEED_ARTICLE, Phase, TrainConfig
from cnncompress.training.data import load_images, split_held_out
from cnncompress.training.job import fitting_crop
from cnncompress.training.loop import Trainer
from cnncompress.training.seed_article import RATIO, SeedArticleModel
from cnncompress.units import bits_per_pixel

STRIDE = 8
"""Pixels for one place of the features, along each axis."""
CHANNELS = 128 // RATIO

_HEADER = struct.Struct("<HHH")
"""Height, width, and quality in hundredths."""


def article_config(minutes: float, crop: int = 128) -> TrainConfig:
    """Settings for a run of some minutes: a rate that falls to zero, and an average over its last moments.

    Args:
        minutes: Time budget.
        crop: Largest side of the crops in pixels, a multiple of 64.
    """
    crop = min(crop, 128)
    return TrainConfig(
        network=SEED_ARTICLE,
        phases=(Phase(0.7, crop, 8), Phase(0.3, crop, 8, last_rate=0.0, simulate_integers=True)),
        learning_rate=1e-3,
        warmup_steps=20,
        ema_seconds=2.0 * minutes,
    )


def trained_model(path: Path) -> SeedArticleModel:
    """Returns the averaged weights of a run.

    Raises:
        InvalidModel: The file is no checkpoint, or of the codec's own network.
    """
    checkpoint = load_checkpoint(path)
    if checkpoint.config.network != SEED_ARTICLE:
        raise InvalidModel(f"{path}: a {checkpoint.config.network} network, not that of the article")
    model = SeedArticleModel(checkpoint.config.model)
    prefix = "module."
    model.load_state_dict(
        {key.removeprefix(prefix): value for key, value in checkpoint.average.items() if key.startswith(prefix)}
    )
    return model.eval()


class ArticleCodec:
    """Pixels to bytes and back.

    Each feature channel has one probability table for a whole picture: a Gaussian, whose width depends on the quality.
    """

    def __init__(self, model: SeedArticleModel) -> None:
        """Takes a trained model, on the CPU."""
        self._model = model
        gaussians = build_tables(np.zeros((SCALE_LEVELS, 2 * MAX_RADIUS + 1), dtype=np.int64))
        self._entropy_model = EntropyModel(gaussians)

    @torch.inference_mode()
    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Codes a picture.

        Args:
            pixels: uint8 ``[H, W, 3]``.
            quality: ``0 .. 100``, with two decimals.
        """
        height, width = pixels.shape[:2]
        hundredths = round(100 * quality)
        position = self._position(hundredths)
        x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255.0 - 0.5
        x = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        log_scale = self._log_scale(position)
        y = self._model.network.g_a(x) * self._model.log_gain(position).exp()
        symbols = round_with_dead_zone(y, dead_zone(log_scale))[0].to(torch.int32).numpy()
        encoder = SymbolEncoder(self._entropy_model)
        encoder.push(symbols.ravel(), self._levels(log_scale, symbols.shape[1:]))
        return _HEADER.pack(height, width, hundredths) + encoder.to_bytes()

    @torch.inference_mode()
    def decode(self, data: bytes) -> Pixels:
        """Decodes a file that `encode` made: uint8 ``[H, W, 3]``.

        Raises:
            Corrupt: The file is damaged, or was made with other weights.
        """
        if len(data) < _HEADER.size:
            raise Corrupt("shorter than its header")
        height, width, hundredths = _HEADER.unpack_from(data)
        position = self._position(hundredths)
        rows, columns = -(-height // STRIDE), -(-width // STRIDE)
        decoder = SymbolDecoder(self._entropy_model, data[_HEADER.size :])
        symbols = decoder.pop(self._levels(self._log_scale(position), (rows, columns)))
        decoder.finish()
        y_hat = torch.from_numpy(symbols.reshape(1, CHANNELS, rows, columns)).float()
        x_hat = self._model.network.g_s(y_hat * self._model.log_inverse_gain(position).exp()) + 0.5
        levels = (255.0 * x_hat[0, :, :height, :width]).round().clamp(0, 255).to(torch.uint8)
        return cast(Pixels, levels.permute(1, 2, 0).numpy())

    def _position(self, hundredths: int) -> Tensor:
        return quality_position(torch.tensor([hundredths / 100.0]), self._model.config.anchors)

    def _log_scale(self, position: Tensor) -> Tensor:
        return nats_to_table(self._model.log_scale(position), simulate_integers=True)

    def _levels(self, log_scale: Tensor, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """The table of each symbol: one for each channel."""
        of_channels = (log_scale.flatten() * LEVELS_PER_NAT).round().to(torch.uint8).numpy()
        return cast("NDArray[np.uint8]", np.repeat(of_channels, int(np.prod(shape))))


@dataclass(frozen=True)
class Outcome:
    """What a codec made of a picture.

    Attributes:
        file_bytes: Of the whole file.
        pixels: uint8 ``[H, W, 3]``, decoded.
        psnr: In dB.
    """

    file_bytes: int
    pixels: Pixels
    psnr: float


def there_and_back(pixels: Pixels, encode: Callable[[Pixels], bytes], decode: Callable[[bytes], Pixels]) -> Outcome:
    """Codes and decodes a picture."""
    data = encode(pixels)
    decoded = decode(data)
    return Outcome(len(data), decoded, psnr(pixels, decoded))


def format_outcome(name: str, outcome: Outcome) -> str:
    """One line."""
    height, width = outcome.pixels.shape[:2]
    ratio = height * width * 3 / outcome.file_bytes
    rate = bits_per_pixel(outcome.file_bytes, width, height)
    return f"{name:<12} {outcome.file_bytes:>9,} bytes  {rate:6.3f} bpp  1 : {ratio:<5.1f} {outcome.psnr:6.2f} dB"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Train the network of the article, and code pictures with it."""


@main.command("train")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Checkpoint; replaced if it exists."
)
@click.option("--minutes", default=5.0, type=click.FloatRange(min=0, min_open=True), help="Time budget.")
@click.option("--threads", default=1, type=click.IntRange(min=1), help="Of the processor.")
@click.option("--quiet", is_flag=True, help="Print errors only.")
def train_command(images: tuple[Path, ...], output: Path, minutes: float, threads: int, quiet: bool) -> None:
    """Train on IMAGES, files, folders and tars, of which a tenth is held out to be measured on."""
    torch.set_num_threads(threads)
    with exit_codes():
        check_output(str(output.absolute()), force=True)
        train, held_out = split_held_out(load_images(images), 24)
        config = article_config(minutes, fitting_crop(train.values()))
        log = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
        Trainer(config, train, held_out, torch.device("cpu"), log=log).run(minutes, output)


@main.command("code")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("-q", "--quality", default=50.0, type=click.FloatRange(0, 100), help="Quality.")
def code_command(checkpoint: Path, image: Path, output: Path, quality: float) -> None:
    """Code IMAGE with a CHECKPOINT of "train", and write the decoded picture to OUTPUT, which is replaced."""
    with exit_codes():
        codec = ArticleCodec(trained_model(checkpoint))
        pixels = np.asarray(load_rgb(image))
        found = there_and_back(pixels, lambda picture: codec.encode(picture, quality), codec.decode)
        Image.fromarray(found.pixels).save(output)
        click.echo(format_outcome("article", found))
        own = Codec(device="cpu")
        as_large = TargetSize(found.file_bytes)
        beside = there_and_back(
            pixels,
            lambda picture: own.compress(picture, target=as_large, coding="learned"),
            lambda data: np.asarray(own.decompress(data).convert("RGB")),
        )
        click.echo(format_outcome("cnncompress", beside))


if __name__ == "__main__":
    main()
