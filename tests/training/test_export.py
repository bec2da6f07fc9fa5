"""From a checkpoint to a model that compresses, and what is not exported."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from training_runs import Images

from cnncompress.api.codec import Codec
from cnncompress.codec.latents import LatentTransform
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.tables import MAX_RADIUS
from cnncompress.errors import InvalidModel, OutputError, OutputExists
from cnncompress.model.config import SCALE_LEVELS
from cnncompress.model.manifest import Entry, read_manifest
from cnncompress.model.weights import load_weights
from cnncompress.nn.stored import network_of
from cnncompress.training.checkpoint import load_checkpoint, save_checkpoint
from cnncompress.training.config import TrainConfig
from cnncompress.training.export import (
    averaged_model,
    count_symbols,
    counting_images,
    export,
    export_weights,
    integer_scales,
)
from cnncompress.training.loop import Trainer
from cnncompress.units import Hundredths


@pytest.fixture(scope="module")
def checkpoint(tiny_run: TrainConfig, train_images: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one step."""
    path = tmp_path_factory.mktemp("runs") / "tiny.pt"
    run = Trainer(tiny_run, train_images, {}, torch.device("cpu"), log=lambda line: None)
    run.run(60.0, path, max_steps=1)
    return path


def exported(checkpoint: Path, directory: Path, images: Images, name: str = "tiny") -> Entry:
    crops = [image[:, :64, :128] for image in images.values()] * 2
    return export(load_checkpoint(checkpoint), name, crops, directory, licence="CC0", data_sources=["two crops"])


def test_exported_model_codes_images(
    checkpoint: Path, train_images: Images, chelsea: NDArray[np.uint8], tmp_path: Path
) -> None:
    directory = tmp_path / "models"
    entry = exported(checkpoint, directory, train_images)
    codec = Codec(directory / entry.file, "cpu")
    assert codec.fingerprint.hex() == entry.fingerprint
    sizes, errors = [], []
    for quality in (0, 50, 100):
        data = codec.compress(chelsea[:100, :150], quality)
        back = np.asarray(codec.decompress(data), dtype=float)
        sizes.append(len(data))
        errors.append(np.mean((back - chelsea[:100, :150]) ** 2))
    assert sizes == sorted(sizes) and errors[-1] < errors[0]
    assert errors[-1] < 600  # 20 dB with eight coefficients per patch


def test_manifest_entry(checkpoint: Path, train_images: Images, tiny_run: TrainConfig, tmp_path: Path) -> None:
    entry = exported(checkpoint, tmp_path, train_images)
    manifest = read_manifest(tmp_path)
    assert manifest.default == "tiny" and manifest.entries == (entry,)
    assert entry.licence == "CC0" and entry.data_sources == ["two crops"]
    assert entry.config == {**asdict(tiny_run.model), "lambdas": [0.001, 0.01, 0.1]}
    assert entry.training.steps == 1 and entry.training.config["seed"] == tiny_run.seed
    weights = load_weights(tmp_path / entry.file)
    sizes = [each.numel() for each in network_of(weights).parameters()]
    assert entry.parameters == sum(sizes) + sum(each.size for each in weights.scales.tensors.values())

    again = exported(checkpoint, tmp_path, train_images)
    assert again.sha256 == entry.sha256, "the same checkpoint gives the same file"
    second = exported(checkpoint, tmp_path, {"one": train_images["coffee"]}, name="second")
    manifest = read_manifest(tmp_path)
    assert manifest.default == "tiny"
    assert [each.name for each in manifest.entries] == ["tiny", "second"]
    assert second.sha256 != entry.sha256


def test_one_weights_file(checkpoint: Path, train_images: Images, tmp_path: Path) -> None:
    state, path = load_checkpoint(checkpoint), tmp_path / "mine.safetensors"
    images = [image[:, :64, :128] for image in train_images.values()] * 2
    result = export_weights(state, images, path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.safetensors"], "no manifest, nothing temporary"
    assert load_weights(path).fingerprint.hex() == result.sha256[:8]
    entry = exported(checkpoint, tmp_path / "models", train_images)
    assert (entry.sha256, entry.parameters) == (result.sha256, result.complexity.parameters)

    with pytest.raises(OutputExists):
        export_weights(state, images, path)
    assert export_weights(state, images, path, force=True) == result
    folder = tmp_path / "folder.safetensors"
    folder.mkdir()
    with pytest.raises(OutputError):
        export_weights(state, images, folder, force=True)


def test_averaged_weights_are_what_is_exported(checkpoint: Path, train_images: Images, tmp_path: Path) -> None:
    state = load_checkpoint(checkpoint)
    path = tmp_path / "moved.pt"
    average = {key: value + 0.5 if key.endswith("log_gain.table") else value for key, value in state.average.items()}
    save_checkpoint(replace(state, average=average), path)
    loaded = network_of(load_weights(tmp_path / exported(path, tmp_path, train_images).file))
    assert torch.equal(loaded.log_gain.table, average["module.network.log_gain.table"])
    assert not torch.equal(loaded.log_gain.table, state.model["network.log_gain.table"])


def test_counts(checkpoint: Path, train_images: Images) -> None:
    model = averaged_model(load_checkpoint(checkpoint))
    transform = LatentTransform(TorchEngine(model.network, torch.device("cpu")), integer_scales(model))
    images = [image[:, :64, :128] for image in train_images.values()]
    counts = count_symbols(transform, images)
    assert counts.shape == (SCALE_LEVELS, 2 * MAX_RADIUS + 1)
    expected = np.zeros_like(counts)
    for quality, image in zip((Hundredths(0), Hundredths(10000 // 15)), images, strict=True):
        latents = transform.encode(image.permute(1, 2, 0).numpy(), quality)
        for symbols, levels in (
            (latents.y, latents.y_levels),
            (latents.z, latents.z_levels),
        ):
            for symbol, level in zip(symbols.flatten().tolist(), levels.flatten().tolist(), strict=True):
                expected[level, min(max(symbol, -MAX_RADIUS), MAX_RADIUS) + MAX_RADIUS] += 1
    assert np.array_equal(counts, expected)
    assert counts.sum() == 2 * (8 * 4 * 8 + 4 * 1 * 2)


def fill(key: str, value: float) -> Callable[[dict[str, Tensor]], None]:
    def change(average: dict[str, Tensor]) -> None:
        tensor = average[f"module.{key}"]
        tensor[(0,) * tensor.ndim] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (fill("scales.convolutions.1.bias", 2.0**30), r"sums of scales\.synthesis\.1 can reach"),
        (fill("scales.convolutions.3.bias", 1e30), r"sums of scales\.synthesis\.3 can reach"),
        (fill("scales.input_bias.table", 2.0**22), r"sums of scales\.synthesis\.0 can reach"),
        (fill("scales.hyper_offset.table", -(2.0**17)), "a log-scale can reach"),
        (fill("scales.convolutions.2.weight", math.nan), "not finite"),
        (fill("scales.offset.table", math.inf), "not finite"),
        (fill("network.g_a.klt", math.nan), "not finite"),
        (fill("network.h_s.stem.weight", 1e6), "not finite"),  # beyond float16, in which it would be stored
    ],
)
def test_what_is_not_exported(
    checkpoint: Path,
    train_images: Images,
    change: Callable[[dict[str, Tensor]], None],
    message: str,
    tmp_path: Path,
) -> None:
    state = load_checkpoint(checkpoint)
    change(state.average)
    path = tmp_path / "bad.pt"
    save_checkpoint(state, path)
    with pytest.raises(InvalidModel, match=message) as caught:
        exported(path, tmp_path / "models", train_images)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "models").exists(), "a model that is refused leaves nothing behind"


def test_integer_twin_has_the_parameters_of_the_averaged_model(checkpoint: Path) -> None:
    model = averaged_model(load_checkpoint(checkpoint))
    scales = integer_scales(model)
    offset = model.scales.offset.table.detach().numpy()
    np.testing.assert_allclose(scales.tensors["offset"] / 256, offset, rtol=0, atol=1 / 512)
    weight = model.scales.layers()[0].weight.detach().numpy()
    bits = scales.synthesis[0].shift + 3.0  # two fractional bits of the input and five of the result
    np.testing.assert_allclose(
        scales.synthesis[0].weight / 2.0 ** bits[:, None, None, None], weight, rtol=0, atol=2.0 ** -bits.min()
    )


@pytest.mark.parametrize("count", [1, 3, 16, 100, 160, 161, 1000])
def test_counted_images(count: int) -> None:
    images = [torch.full((3, 64, 64), index, dtype=torch.int32) for index in range(count)]
    chosen = [int(image[0, 0, 0]) for image in counting_images(images)]
    assert len(chosen) == 160
    times = [chosen.count(index) for index in range(count)]
    assert max(times) - min(times) <= 1
    # Export gives the images qualities in a cycle of 16.
    pairs = {(number % 16, index) for number, index in enumerate(chosen)}
    assert len({quality for quality, _ in pairs}) == 16
    assert len(pairs) >= min(16 * count, 100)
    assert chosen == [int(image[0, 0, 0]) for image in counting_images(images)]


def test_counted_images_are_cut_to_their_middle() -> None:
    image = torch.zeros(3, 1024, 300, dtype=torch.uint8)
    image[:, 256:768] = 1
    chosen = counting_images([image])[0]
    assert chosen.shape == (3, 512, 300) and bool(chosen.all())
