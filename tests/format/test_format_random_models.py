"""The decoder written from docs/FORMAT.md, with models that use what the packaged one hardly does, such as escapes."""

from __future__ import annotations

import random
from pathlib import Path

import coding
import numpy as np
import pytest
from independent_container import BadFile, File
from independent_decoder import decode
from independent_model import read_model
from independent_pixels import pixels
from independent_scales import Scales, level
from independent_symbols import read_symbols
from random_model import write_random_model

from cnncompress.api.codec import Codec
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tiles import TileGrid
from cnncompress.errors import Corrupt
from cnncompress.images.view import Rectangle
from cnncompress.model.weights import load_weights
from cnncompress.units import Hundredths

WIDTH, HEIGHT = 100, 70


def random_pixels(seed: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=[(4, 0), (8, 4), (60, 0), (100, 32)])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with so many latent channels, so many of them fine."""
    path: Path = tmp_path_factory.mktemp("models") / "random.safetensors"
    channels, fine = request.param
    write_random_model(path, latent_channels=channels, fine_channels=fine, seed=channels)
    return path


@pytest.fixture(scope="module")
def pipeline(path: Path) -> ImagePipeline:
    """The package's own coder with that model."""
    return coding.pipeline_of(load_weights(path))


@pytest.mark.parametrize("quality", [0, 3333, 5000, 9999, 10000])
def test_same_symbols(path: Path, pipeline: ImagePipeline, quality: Hundredths) -> None:
    model = read_model(path.read_bytes())
    payload = coding.encode(pipeline, random_pixels(quality), quality)
    expected = pipeline.unpack(payload, (HEIGHT, WIDTH), quality)
    z, y = read_symbols(payload, model, WIDTH, HEIGHT, quality)
    assert np.array_equal(z, expected.z) and np.array_equal(y, expected.y)
    assert (np.abs(y) > 2).mean() > 0.02, "hardly an escape"
    scales = Scales(model, quality)
    without_context = level(scales.y_log_scales(z)).reshape(y.shape)
    assert (without_context != expected.y_levels).mean() > 0.2, "the context hardly matters"


def test_same_pixels(path: Path, pipeline: ImagePipeline) -> None:
    model = read_model(path.read_bytes())
    payload = coding.encode(pipeline, random_pixels(1), Hundredths(60_00))
    file = File(2, 0, WIDTH, HEIGHT, 6000, bytes(4), ())
    found = pixels(model, file, [read_symbols(payload, model, WIDTH, HEIGHT, 6000)]).astype(int)
    difference = np.abs(found - coding.decode(pipeline, payload, (HEIGHT, WIDTH), Hundredths(60_00)))
    assert difference.max() <= 1 and difference.mean() < 1e-3
    assert np.ptp(found) > 100 and ((found > 0) & (found < 255)).mean() > 0.01, "hardly a pixel within the range"


@pytest.mark.parametrize(("width", "height", "tile"), [(100, 70, 64), (64, 128, 64), (33, 200, 64), (230, 200, 128)])
def test_tiles(path: Path, width: int, height: int, tile: int) -> None:
    codec = Codec(path, "cpu")
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    data = codec.compress(image, 30, tile=tile)
    found = decode(data, {codec.fingerprint: read_model(path.read_bytes())})
    assert found.samples is not None
    difference = np.abs(found.samples.astype(int) - np.asarray(codec.decompress(data)))
    assert difference.max() <= 1 and difference.mean() < 1e-3
    areas = [
        Rectangle(each.left, each.top, each.left + each.width, each.top + each.height) for each in found.file.tiles()
    ]
    grid = TileGrid(width, height, tile)
    assert areas == [grid.tile(number) for number in range(len(grid))] and len(areas) > 1


def test_both_refuse_the_same_payloads(path: Path, pipeline: ImagePipeline) -> None:
    """Or decode the same symbols from them, which happens if hardly any damage is done."""
    model = read_model(path.read_bytes())
    sound = coding.encode(pipeline, np.zeros((20, 20, 3), np.uint8), Hundredths(20_00))
    rng = random.Random(3)
    refused = 0
    for _ in range(40):
        words = [sound[start : start + 4] for start in range(0, len(sound), 4)]
        words[rng.randrange(len(words))] = rng.choice((b"", bytes(4), rng.randbytes(4), rng.randbytes(3), sound))
        payload = b"".join(words)
        try:
            expected = pipeline.unpack(payload, (20, 20), Hundredths(20_00))
        except Corrupt:
            refused += 1
            with pytest.raises(BadFile, match="corrupt"):
                read_symbols(payload, model, 20, 20, 2000)
        else:
            z, y = read_symbols(payload, model, 20, 20, 2000)
            assert np.array_equal(z, expected.z) and np.array_equal(y, expected.y)
    assert refused > 20
