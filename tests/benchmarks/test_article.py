"""The codec of the article: trained for seconds, it is one already."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from article import ArticleCodec, article_config, main, trained_model
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from cnncompress.errors import Corrupt, InvalidModel
from cnncompress.evaluation.metrics import psnr
from cnncompress.model.config import ModelConfig
from cnncompress.training.checkpoint import save_checkpoint
from cnncompress.training.config import TrainConfig
from cnncompress.training.loop import Trainer
from cnncompress.training.seed_article import SeedArticleModel


@pytest.fixture(scope="module")
def codec() -> ArticleCodec:
    torch.manual_seed(0)
    return ArticleCodec(SeedArticleModel(ModelConfig()).eval())


@pytest.mark.parametrize("shape", [(40, 64), (33, 47), (1, 1)])
def test_the_decoder_finds_the_symbols_and_the_size(
    codec: ArticleCodec, coffee: NDArray[np.uint8], shape: tuple[int, int]
) -> None:
    """The features that are decoded from the file are those that went in, and better ones need more bytes."""
    pixels = coffee[: shape[0], : shape[1]]
    seen: list[torch.Tensor] = []

    def watch(module: torch.nn.Module, features: tuple[torch.Tensor]) -> None:
        seen.append(features[0])

    handle = codec._model.network.g_s.register_forward_pre_hook(watch)
    for quality in (0.0, 62.5, 100.0):
        assert codec.decode(codec.encode(pixels, quality)).shape == (*shape, 3)
    handle.remove()
    with torch.inference_mode():
        gains = [codec._model.log_gain(codec._position(hundredths)).exp() for hundredths in (0, 6250, 10000)]
    steps = [features * gain for features, gain in zip(seen, gains, strict=True)]
    assert all(torch.allclose(step, step.round(), atol=1e-3) for step in steps)
    assert (steps[0] != 0).sum() < (steps[2] != 0).sum()


def test_damaged_files(codec: ArticleCodec, coffee: NDArray[np.uint8]) -> None:
    data = codec.encode(coffee[:64, :64], 50.0)
    for damaged in (b"", data[:4], data[:6], data[:-8], data[:6] + data[10:]):
        with pytest.raises(Corrupt):
            codec.decode(damaged)


def test_only_the_network_of_the_article(tiny_config: ModelConfig, coffee: NDArray[np.uint8], tmp_path: Path) -> None:
    images = {"coffee": torch.tensor(coffee[:128, :128]).permute(2, 0, 1).contiguous()}
    run = Trainer(TrainConfig(model=tiny_config), images, {}, torch.device("cpu"), log=lambda line: None)
    save_checkpoint(run.checkpoint(), tmp_path / "own")
    with pytest.raises(InvalidModel, match="not that of the article"):
        trained_model(tmp_path / "own")
    done = CliRunner().invoke(main, ["code", str(tmp_path / "own"), "a.png", "b.png"])
    assert done.exit_code == InvalidModel.exit_code and done.stderr.startswith("cnncompress: ")


def test_the_rate_falls_to_zero() -> None:
    config = article_config(5.0, crop=64)
    assert config.rate_at(0.5) == 1.0 and config.rate_at(1.0) == 0.0 and config.phases[0].crop == 64


@pytest.mark.slow
def test_trained_for_seconds_it_is_a_codec(coffee: NDArray[np.uint8], tmp_path: Path) -> None:
    """By a clock that counts steps, so that a busy machine trains as long."""
    ticks = itertools.count()
    images = {"coffee": torch.tensor(coffee).permute(2, 0, 1).contiguous()}
    config = article_config(1.0, crop=64)
    run = Trainer(config, images, {}, torch.device("cpu"), clock=lambda: next(ticks), log=lambda line: None)
    run.run(1.0, tmp_path / "article")
    assert 50 < run.step < 100

    back, original = tmp_path / "back.png", coffee[100:300, 200:400]
    Image.fromarray(original).save(tmp_path / "photo.png")
    done = CliRunner().invoke(
        main, ["code", str(tmp_path / "article"), str(tmp_path / "photo.png"), str(back), "-q", "60"]
    )
    assert done.exit_code == 0, done.output
    article, own = done.stdout.splitlines()
    assert article.startswith("article ") and own.startswith("cnncompress ")
    decoded = np.asarray(Image.open(back))
    flat = np.broadcast_to(original.mean((0, 1)).round().astype(np.uint8), original.shape)
    assert psnr(original, decoded) > psnr(original, flat) + 2.0
    assert f"{psnr(original, decoded):6.2f} dB" in article

    codec = ArticleCodec(trained_model(tmp_path / "article"))
    assert len(codec.encode(original, 20.0)) < len(codec.encode(original, 90.0)) < original.size


@pytest.mark.slow
def test_the_command_trains(coffee: NDArray[np.uint8], tmp_path: Path) -> None:
    for number, left in enumerate((0, 200, 400)):
        Image.fromarray(coffee[:, left : left + 200]).save(tmp_path / f"{number}.png")
    output = tmp_path / "article"
    done = CliRunner().invoke(main, ["train", str(tmp_path), "-o", str(output), "--minutes", "0.01", "--quiet"])
    assert done.exit_code == 0 and not done.output, done.output
    assert trained_model(output).config == ModelConfig()
