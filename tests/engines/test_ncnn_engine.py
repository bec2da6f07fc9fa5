"""The engine of ncnn against torch: sizes, qualities, batches, threads, the shipped model."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from engine_cases import Case, close, numbers, random_hyper_symbols, random_latent, random_pixels, same_pixels, tensor
from numpy.typing import NDArray

from cnncompress.engines.interface import Engine, Latent
from cnncompress.engines.ncnn import context
from cnncompress.engines.ncnn.engine import NcnnEngine
from cnncompress.units import Hundredths

QUALITIES = [Hundredths(quality) for quality in (0, 1, 2500, 5000, 6789, 10000)]
SIZES = [(64, 64), (64, 192), (192, 64), (128, 320)]
"""In pixels; images of one pixel come as 64x64."""


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_analysis(case: Case, height: int, width: int, quality: Hundredths) -> None:
    pixels = random_pixels(height, width)
    expected = numbers(case.torch.analyse(pixels, quality))
    found = case.ncnn.analyse(pixels, quality)
    assert found.dtype == np.float32 and found.shape == (1, case.config.latent_channels, height // 16, width // 16)
    assert close(found, expected)
    z = case.ncnn.hyper_analyse(expected, quality)
    assert close(z, case.torch.hyper_analyse(tensor(case, expected), quality))


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (2, 1), (3, 4)])
@pytest.mark.parametrize("small_map", [0, context.SMALL_MAP])
def test_walk(
    case: Case, rows: int, columns: int, quality: Hundredths, small_map: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "SMALL_MAP", small_map)
    z = random_hyper_symbols(case.config, rows, columns)
    target = random_latent(case.config, 4 * rows, 4 * columns)
    own, reference = case.ncnn.walk(z, quality), case.torch.walk(z, quality)
    steps, steps_for_torch = case.ncnn.split(target), case.torch.split(tensor(case, target))
    for _ in range(4):
        residuals = own.residuals(steps)
        assert close(residuals, reference.residuals(steps_for_torch), 1e-4)
        symbols = np.rint(residuals).astype(np.int32)
        own.decode(symbols)
        reference.decode(symbols)
    assert close(own.latent(), numbers(reference.latent()))
    assert close(numbers(own.means()), numbers(reference.means()))
    assert close(numbers(own.deltas()), numbers(reference.deltas()))


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (4, 12), (12, 4), (8, 20)])
def test_synthesis(case: Case, rows: int, columns: int, quality: Hundredths) -> None:
    y = random_latent(case.config, rows, columns)
    expected = case.torch.synthesise(tensor(case, y), quality)
    assert expected.min() < 100 and expected.max() > 150
    assert same_pixels(case.ncnn.synthesise(y, quality), expected)
    for factor in (1, 2, 4, 8, 16):
        small = case.ncnn.preview(y, factor, quality)
        assert small.shape == (1, 16 * rows // factor, 16 * columns // factor, 3)
        assert same_pixels(small, case.torch.preview(tensor(case, y), factor, quality))


def test_batches(case: Case) -> None:
    quality = Hundredths(4000)
    pixels = np.concatenate([random_pixels(64, 128, seed) for seed in range(3)])
    z = np.concatenate([random_hyper_symbols(case.config, 1, 2, seed) for seed in range(3)])
    y = np.concatenate([random_latent(case.config, 4, 8, seed) for seed in range(3)])
    engines: tuple[Engine, ...] = (case.ncnn, case.torch)
    for engine in engines:
        own = y if engine is case.ncnn else tensor(case, y)
        together: dict[str, Any] = results(engine, pixels, z, own, quality)
        for index in range(3):
            one = slice(index, index + 1)
            alone = results(engine, pixels[one], z[one], own[one], quality)
            for key, value in together.items():
                if engine is case.ncnn:  # which runs the items of a batch one by one
                    assert np.array_equal(value[one], alone[key]), key
                else:
                    assert close(value[one].astype(float), alone[key].astype(float), 1 / 255), key


def results(
    engine: Engine, pixels: NDArray[np.uint8], z: NDArray[np.int32], y: Latent, quality: Hundredths
) -> dict[str, NDArray[Any]]:
    """What all operations make of a batch."""
    walk = engine.walk(z, quality)
    steps = engine.split(y)
    for _ in range(4):
        walk.decode(np.rint(walk.residuals(steps)).astype(np.int32))
    found = {
        "analyse": engine.analyse(pixels, quality),
        "hyper_analyse": engine.hyper_analyse(y, quality),
        "walk": walk.latent(),
        "synthesise": engine.synthesise(y, quality),
        "preview": engine.preview(y, 2, quality),
        "merge": engine.merge(steps),
        "other": engine.at_other_quality(y, quality, Hundredths(quality + 500)),
        "gradient": engine.linear_gradient((pixels / np.float32(255.0)).astype(np.float32), quality),
    }
    return {key: numbers(value) for key, value in found.items()}


def test_small_operations(case: Case) -> None:
    quality = Hundredths(7000)
    y = random_latent(case.config, 4, 8)
    steps = case.ncnn.split(y)
    assert np.array_equal(steps, numbers(case.torch.split(tensor(case, y))))
    assert np.array_equal(case.ncnn.merge(steps), y)
    other = case.ncnn.at_other_quality(y, quality, Hundredths(6500))
    assert close(other, numbers(case.torch.at_other_quality(tensor(case, y), quality, Hundredths(6500))))
    slopes = np.random.default_rng(0).normal(size=(1, 64, 128, 3)).astype(np.float32)
    assert close(case.ncnn.linear_gradient(slopes, quality), numbers(case.torch.linear_gradient(slopes, quality)))
    assert close(case.ncnn.linear_norms(quality), case.torch.linear_norms(quality))
    zeros = case.ncnn.zeros(2, 3, 5)
    assert zeros.shape == case.torch.zeros(2, 3, 5).shape and not zeros.any()


def test_gradient_is_the_adjoint_of_the_linear_path(case: Case) -> None:
    quality = Hundredths(3000)
    y = random_latent(case.config, 2, 3)
    slopes = np.random.default_rng(1).normal(size=(1, 32, 48, 3)).astype(np.float32)
    position = case.torch._position(quality)
    image = numbers(case.torch.network.preview(tensor(case, y), position, 1).detach()) - 0.5
    expected = float((image.transpose(0, 2, 3, 1).astype(float) * slopes).sum())
    assert float((y.astype(float) * case.ncnn.linear_gradient(slopes, quality)).sum()) == pytest.approx(expected, 1e-4)
    one = np.zeros_like(y)
    one[0, 1, 1, 2] = 1.0
    error = numbers(case.torch.network.preview(tensor(case, one), position, 1).detach()) - 0.5
    assert case.ncnn.linear_norms(quality)[1] == pytest.approx(float((error.astype(float) ** 2).sum()), 1e-4)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_no_bit(case: Case, threads: int) -> None:
    check_threads(case, threads, (64, 192))


@pytest.mark.parametrize("threads", [1, 3, 4])
def test_the_number_of_threads_changes_no_bit_of_the_shipped_model(shipped: Case, threads: int) -> None:
    check_threads(shipped, threads, (128, 192))


def check_threads(case: Case, threads: int, size: tuple[int, int]) -> None:
    quality = Hundredths(6000)
    height, width = size
    z = random_hyper_symbols(case.config, height // 64, width // 64)
    y = random_latent(case.config, height // 16, width // 16)
    other = NcnnEngine(case.config, case.arrays, threads)
    found, expected = (results(engine, random_pixels(*size), z, y, quality) for engine in (other, case.ncnn))
    for key, value in expected.items():
        assert np.array_equal(found[key], value), key


def test_callers_at_the_same_time(case: Case) -> None:
    """Each gets what it would get alone, whatever the qualities and sizes of the others."""
    jobs = [(Hundredths(1000 * index), 64 * (1 + index % 3)) for index in range(8)]

    def work(job: tuple[Hundredths, int]) -> dict[str, NDArray[Any]]:
        quality, width = job
        z = random_hyper_symbols(case.config, 1, width // 64)
        return results(case.ncnn, random_pixels(64, width), z, random_latent(case.config, 4, width // 16), quality)

    expected = [work(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        for found, alone in zip(pool.map(work, jobs), expected, strict=True):
            assert all(np.array_equal(found[key], value) for key, value in alone.items())


@pytest.mark.parametrize("quality", [Hundredths(500), Hundredths(6000), Hundredths(10000)])
def test_shipped_model(shipped: Case, astronaut: NDArray[np.uint8], quality: Hundredths) -> None:
    """A photograph all the way through, each stage from what torch made before it."""
    pixels = astronaut[None, 64:256, 128:448]
    y = numbers(shipped.torch.analyse(pixels, quality))
    assert close(shipped.ncnn.analyse(pixels, quality), y, 3e-6)
    z = shipped.torch.hyper_analyse(tensor(shipped, y), quality)
    assert close(shipped.ncnn.hyper_analyse(y, quality), z)
    symbols = np.floor(z + 0.5).astype(np.int32)
    own, reference = shipped.ncnn.walk(symbols, quality), shipped.torch.walk(symbols, quality)
    steps = shipped.ncnn.split(y)
    for _ in range(4):
        residuals = reference.residuals(shipped.torch.split(tensor(shipped, y)))
        assert close(own.residuals(steps), residuals)
        rounded = np.rint(residuals).astype(np.int32)
        own.decode(rounded)
        reference.decode(rounded)
    y_hat = numbers(reference.latent())
    assert close(own.latent(), y_hat, 3e-6)
    expected = shipped.torch.synthesise(tensor(shipped, y_hat), quality)
    assert same_pixels(shipped.ncnn.synthesise(y_hat, quality), expected, share=0.0005)


PROGRAM = """
import sys
import numpy as np
from cnncompress.engines.ncnn.engine import NcnnEngine
from cnncompress.model.weights import load_weights
from cnncompress.units import Hundredths

weights = load_weights(None)
engine = NcnnEngine(weights.config, weights.network, threads=2)
quality = Hundredths(6000)
pixels = np.arange(3 * 64 * 128, dtype=np.uint8).reshape(1, 64, 128, 3)
y = engine.analyse(pixels, quality)
z = np.floor(engine.hyper_analyse(y, quality) + 0.5).astype(np.int32)
walk, steps = engine.walk(z, quality), engine.split(y)
for _ in range(4):
    walk.decode(np.rint(walk.residuals(steps)).astype(np.int32))
decoded = engine.synthesise(walk.latent(), quality)
engine.preview(walk.latent(), 2, quality)
engine.linear_gradient(decoded.astype(np.float32), quality)
print(decoded.shape, sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "scipy", "PIL"}))
"""


def test_no_torch_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(1, 64, 128, 3) []"
    assert not done.stderr
