"""A weights file, to load, to list and to damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnncompress.model.config import ModelConfig


@pytest.fixture
def path(tiny_config: ModelConfig, tmp_path: Path) -> Path:
    """A sound weights file."""
    from weights_files import save  # loads torch

    path = tmp_path / "tiny.safetensors"
    save(path, tiny_config)
    return path
