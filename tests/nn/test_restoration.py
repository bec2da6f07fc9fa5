"""The restoration filter: nothing at first, and the same in strips as in one piece."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cnncompress.model.config import STRIP_ROWS, ModelConfig
from cnncompress.model.receptive_field import WHOLE_IMAGE, Margin, Margins
from cnncompress.nn.restoration import RestorationFilter

POSITION = torch.tensor([0.4], dtype=torch.float64)


@pytest.fixture
def restoration(tiny_config: ModelConfig) -> RestorationFilter:
    """With random weights."""
    torch.manual_seed(2)
    built = RestorationFilter(tiny_config).double()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_(0.0, 0.3)
    return built


def image(rows: int) -> Tensor:
    torch.manual_seed(rows)
    return torch.rand(1, 3, rows, 24, dtype=torch.float64) - 0.5


def test_untrained_it_changes_nothing(tiny_config: ModelConfig) -> None:
    x = image(16).float()
    assert torch.equal(RestorationFilter(tiny_config)(x, POSITION.float(), WHOLE_IMAGE), x)


def test_it_depends_on_the_quality(restoration: RestorationFilter) -> None:
    x = image(16)
    low, high = (restoration(x, torch.tensor([position]).double(), WHOLE_IMAGE) for position in (0.0, 2.0))
    assert not torch.allclose(low, high)


@pytest.mark.parametrize("rows", [1, STRIP_ROWS, STRIP_ROWS + 1, STRIP_ROWS + 3, 3 * STRIP_ROWS - 1])
@pytest.mark.parametrize(
    "margins",
    [
        WHOLE_IMAGE,
        Margins(Margin(8, False), Margin(8, False), Margin(8, False), Margin(8, False)),
        Margins(Margin(2, True), Margin(2, True), Margin(8, False), Margin(1, True)),
    ],
    ids=["whole", "inside", "corner"],
)
def test_strips_are_like_one_piece(restoration: RestorationFilter, rows: int, margins: Margins) -> None:
    """In one piece is how it is trained."""
    x = image(rows + margins.top.extent + margins.bottom.extent)
    whole = restoration(x, POSITION, margins)
    with torch.inference_mode():
        torch.testing.assert_close(restoration(x, POSITION, margins), whole)
