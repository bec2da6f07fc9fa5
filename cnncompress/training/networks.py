"""The networks that can be trained, by the name in a run's configuration."""

from __future__ import annotations

from cnncompress.nn.hyperprior import HyperpriorModel, TrainableModel
from cnncompress.training.config import SEED_ARTICLE, TrainConfig
from cnncompress.training.seed_article import SeedArticleModel


def untrained_model(config: TrainConfig) -> TrainableModel:
    """Builds the network of a run with random weights; `cnncompress.training.initialise` gives it a better start."""
    return SeedArticleModel(config.model) if config.network == SEED_ARTICLE else HyperpriorModel(config.model)
