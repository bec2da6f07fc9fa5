"""The network to compare with: trained and validated like the codec's own, and never exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from training_runs import CPU, Images

from cnncompress.errors import InvalidModel
from cnncompress.model.config import ModelConfig
from cnncompress.training.checkpoint import load_checkpoint
from cnncompress.training.config import SEED_ARTICLE, TrainConfig
from cnncompress.training.export import averaged_model
from cnncompress.training.initialise import untrained_model
from cnncompress.training.loop import Trainer
from cnncompress.training.loss import rate_distortion
from cnncompress.training.seed_article import SeedArticleModel


@pytest.fixture
def article_run(tiny_run: TrainConfig) -> TrainConfig:
    return replace(tiny_run, network=SEED_ARTICLE)


def photograph(images: Images) -> Tensor:
    return images["coffee"][None, :, :128, :128].float() / 255.0


def test_better_quality_costs_more_bits(tiny_config: ModelConfig, train_images: Images) -> None:
    torch.manual_seed(0)
    model = SeedArticleModel(tiny_config).eval()
    x = photograph(train_images).repeat(2, 1, 1, 1)
    output = model(x, torch.tensor([0.0, tiny_config.anchors - 1.0]), simulate_integers=True)
    assert output.x_hat.shape == x.shape
    assert 0 < output.y_bits[0] < output.y_bits[1]
    assert not output.z_bits.any()


def test_training_lowers_the_loss(tiny_config: ModelConfig, train_images: Images) -> None:
    torch.manual_seed(0)
    model = SeedArticleModel(tiny_config)
    x, position, lmbda = photograph(train_images), torch.tensor([0.5]), torch.tensor([0.01])
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(30):
        loss = rate_distortion(x, model(x, position), lmbda, 0.0).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_a_run_resumes_and_is_not_exported(
    article_run: TrainConfig, train_images: Images, held_out_images: Images, tmp_path: Path
) -> None:
    path = tmp_path / "article.pt"
    run = Trainer(article_run, train_images, held_out_images, CPU, log=lambda line: None)
    assert run.run(1.0, path, max_steps=2) is not None

    again = Trainer(article_run, train_images, {}, CPU, start=untrained_model(article_run), log=lambda line: None)
    again.resume(path)
    assert again.step == 2
    state = again.model.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in run.model.state_dict().items())

    with pytest.raises(InvalidModel, match="seed-article network"):
        averaged_model(load_checkpoint(path))
