"""More latent channels for a trained model: the old ones are coded as before, the new ones take what was left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image
from random_model import write_random_model
from torch import Tensor
from widen import main, widened

from cnncompress.model.config import ModelConfig
from cnncompress.model.weights import load_weights
from cnncompress.training.hyperprior import HyperpriorModel
from cnncompress.training.initialise import initialise, patch_covariance

OLD, NEW = 20, 48


@pytest.fixture(scope="module")
def train_images(astronaut: NDArray[np.uint8], coffee: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Two photographs, uint8 ``[3, H, W]``."""
    crops = {"astronaut": astronaut[:192, 128:384], "coffee": coffee[60:260, 150:350]}
    return {name: torch.tensor(crop).permute(2, 0, 1).contiguous() for name, crop in crops.items()}


@pytest.fixture
def covariance(train_images: dict[str, Tensor]) -> Tensor:
    """Of the patches of two photographs."""
    return patch_covariance(list(train_images.values()), 500, 1)


@pytest.fixture
def model(tiny_config: ModelConfig, covariance: Tensor) -> HyperpriorModel:
    """A model whose every weight is in use."""
    config = ModelConfig(**{**vars(tiny_config), "latent_channels": OLD})
    torch.manual_seed(3)
    model = HyperpriorModel(config)
    initialise(model, covariance)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def coded(model: HyperpriorModel, x: Tensor, position: Tensor, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """What the model makes of a batch on the way."""
    found: dict[str, Tensor] = {}
    synthesise, hyper_analyse = model.network.synthesise, model.network.hyper_analyse
    with monkeypatch.context() as patch:
        patch.setattr(model.network, "synthesise", lambda y, at: synthesise(found.setdefault("y_hat", y), at))
        patch.setattr(model.network, "hyper_analyse", lambda y, at: hyper_analyse(found.setdefault("y", y), at))
        output = model(x, position, simulate_integers=True)
    return {**found, "bits": output.y_bits, "z_bits": output.z_bits}


def test_old_channels_are_coded_as_before(
    model: HyperpriorModel, covariance: Tensor, train_images: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = widened(model, NEW, covariance).eval()
    assert wide.config.bands == (OLD, NEW - OLD)
    x = torch.stack([image[:, :128, :128] for image in train_images.values()]) / 255.0
    position = torch.tensor([0.4, 1.7])
    with torch.no_grad():
        before, after = (coded(m, x, position, monkeypatch) for m in (model, wide))
    for name in ("y", "y_hat"):
        torch.testing.assert_close(after[name][:, :OLD], before[name], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(after["z_bits"], before["z_bits"])
    assert (before["y_hat"].round() != 0).any() and (after["y_hat"][:, OLD:] != 0).any()
    assert (after["bits"] > before["bits"]).all()


def test_new_channels_hold_most_of_what_was_left_out(
    model: HyperpriorModel, covariance: Tensor, train_images: dict[str, Tensor]
) -> None:
    """Without rounding, by the linear path alone."""
    basis = widened(model, NEW, covariance).network.g_a.klt.detach().double()
    new = basis[OLD:]
    torch.testing.assert_close(new @ new.T, torch.eye(NEW - OLD, dtype=torch.float64), rtol=0, atol=1e-5)
    torch.testing.assert_close(new @ basis[:OLD].T, torch.zeros(NEW - OLD, OLD, dtype=torch.float64), rtol=0, atol=1e-5)
    spanned, _ = torch.linalg.qr(basis[:OLD].T)
    left = torch.trace(covariance) - torch.trace(spanned.T @ covariance @ spanned)
    taken = new @ covariance @ new.T
    variances = taken.diagonal()
    assert (variances.diff() <= 1e-9).all() and 0.5 * left < variances.sum() < left
    torch.testing.assert_close(taken, torch.diag(variances), rtol=0, atol=1e-6)


def test_the_model_is_trainable_on_and_the_given_one_is_left_alone(model: HyperpriorModel, covariance: Tensor) -> None:
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    generator = torch.get_rng_state()
    wide = widened(model, NEW, covariance)
    assert torch.equal(torch.get_rng_state(), generator)
    wide.train()
    wide(torch.rand(1, 3, 64, 64), torch.tensor([1.9])).x_hat.square().sum().backward()
    for parameter in (wide.network.g_s.stem.weight, wide.network.g_s.klt):
        assert parameter.grad is not None and (parameter.grad[:, OLD:] != 0).any()
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


@pytest.mark.parametrize("channels", [OLD - 4, OLD, 772])
def test_numbers_of_channels_out_of_range(model: HyperpriorModel, covariance: Tensor, channels: int) -> None:
    with pytest.raises(ValueError, match=f"{channels} channels, must be within 21 .. 768"):
        widened(model, channels, covariance)


def test_a_second_band_is_all_there_is(model: HyperpriorModel, covariance: Tensor) -> None:
    with pytest.raises(ValueError, match="has a band of fine channels already"):
        widened(widened(model, 24, covariance), NEW, covariance)
    with pytest.raises(ValueError, match="multiple of 4"):
        widened(model, 25, covariance)


def test_a_wider_model_is_written(coffee: NDArray[np.uint8], tmp_path: Path) -> None:
    model, output = tmp_path / "model.safetensors", tmp_path / "wide.safetensors"
    write_random_model(model)
    Image.fromarray(coffee[:100, :128]).save(tmp_path / "coffee.png")
    arguments = [str(model), str(tmp_path / "coffee.png"), "-o", str(output), "--channels"]
    done = CliRunner().invoke(main, [*arguments, "16"])
    assert done.exit_code == 0, done.output
    weights = load_weights(output)
    assert weights.config.bands == (8, 8)
    assert done.output == f"{output}: model {weights.fingerprint.hex()}, 16 latent channels\n"
    refused = CliRunner().invoke(main, [*arguments, "8"])
    assert refused.exit_code == 1 and "widen: 8 channels, must be within 9 .. 768" in refused.output
