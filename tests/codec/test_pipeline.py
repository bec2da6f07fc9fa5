"""Image to payload and back with the shipped model: exact symbols whatever the floats do, and the promised size."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from coding import decode, encode, pipeline_of
from numpy.typing import NDArray
from torch import Tensor, nn

from cnncompress.api.codec import Codec
from cnncompress.codec.latents import Latents
from cnncompress.codec.pipeline import ImagePipeline, PayloadReader
from cnncompress.engines.names import EngineName
from cnncompress.engines.torch import TorchEngine
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.entropy.tables import TOTAL
from cnncompress.errors import Corrupt
from cnncompress.evaluation.metrics import psnr
from cnncompress.model.config import LEVELS_PER_NAT
from cnncompress.model.weights import Weights
from cnncompress.nn.gaussian import gaussian_bits
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
Threads = Callable[[int], AbstractContextManager[None]]


def assert_same_symbols(found: Latents, expected: Latents) -> None:
    assert np.array_equal(found.z, expected.z)
    assert np.array_equal(found.y, expected.y)


def coded(pipeline: ImagePipeline, pixels: Pixels, quality: Hundredths) -> tuple[Latents, bytes]:
    """Symbols of an image, and their payload."""
    latents = pipeline.transform.encode(pixels, quality)
    return latents, pipeline.pack(latents)


def difference(one: Pixels, other: Pixels) -> NDArray[np.int64]:
    result: NDArray[np.int64] = np.abs(one.astype(np.int64) - other)
    return result


@contextmanager
def noise(pipeline: ImagePipeline, size: float) -> Iterator[None]:
    """Adds uniform noise to what every float network of the decoder gives."""
    assert isinstance(pipeline.transform.engine, TorchEngine)
    network = pipeline.transform.engine.network
    generator = torch.Generator().manual_seed(9)

    def disturb(module: nn.Module, args: object, output: Tensor) -> Tensor:
        return output + size * (2.0 * torch.rand(output.shape, generator=generator) - 1.0)

    handles = [module.register_forward_hook(disturb) for module in (network.h_s, *network.context, network.g_s)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (17, 31), (64, 64), (65, 130)])
@pytest.mark.parametrize("quality", [0, 3333, 10000])
def test_round_trip_of_odd_sizes(
    pipeline: ImagePipeline, coffee: Pixels, size: tuple[int, int], quality: Hundredths
) -> None:
    pixels = coffee[90 : 90 + size[0], 120 : 120 + size[1]]
    latents, payload = coded(pipeline, pixels, quality)
    assert encode(pipeline, pixels, quality) == payload
    assert_same_symbols(pipeline.unpack(payload, size, quality), latents)
    decoded = decode(pipeline, payload, size, quality)
    assert decoded.dtype == np.uint8 and decoded.shape == pixels.shape
    assert psnr(decoded, pixels) > {0: 15, 3333: 20, 10000: 30}[quality]


def test_a_reader_reads_the_steps_that_are_left(pipeline: ImagePipeline, coffee: Pixels) -> None:
    latents, payload = coded(pipeline, coffee[:64, :96], Hundredths(50_00))
    reader = PayloadReader(pipeline, payload, (64, 96), Hundredths(50_00))
    assert np.array_equal(reader.z, latents.z)
    assert np.array_equal(np.stack([reader.next_step(), reader.next_step()]), latents.y[:2])
    assert_same_symbols(reader.latents(), latents)
    assert_same_symbols(reader.latents(), latents)


def test_round_trip_of_a_large_odd_size(pipeline: ImagePipeline, astronaut: Pixels) -> None:
    pixels = np.ascontiguousarray(np.concatenate([astronaut, astronaut[:1]])[:, :257])
    assert pixels.shape[:2] == (513, 257)
    latents, payload = coded(pipeline, pixels, Hundredths(42_00))
    assert_same_symbols(pipeline.unpack(payload, (513, 257), Hundredths(42_00)), latents)
    assert psnr(decode(pipeline, payload, (513, 257), Hundredths(42_00)), pixels) > 25


@pytest.mark.parametrize("kind", ["noise", "black and white noise", "checks", "lines"])
def test_hostile_pictures(pipeline: ImagePipeline, kind: str) -> None:
    """Not photographs at all: the symbols are large, and come back."""
    rows, columns = np.mgrid[0:70, 0:90]
    rng = np.random.default_rng(1)
    planes = {
        "noise": rng.integers(0, 256, (70, 90, 3)),
        "black and white noise": 255 * rng.integers(0, 2, (70, 90, 3)),
        "checks": 255 * ((rows + columns) % 2)[..., None].repeat(3, axis=2),
        "lines": np.stack([255 * (rows % 2), 255 * (columns % 2), 255 * (rows % 3 == 0)], axis=2),
    }
    pixels = planes[kind].astype(np.uint8)
    for quality in (0, 10000):
        latents, payload = coded(pipeline, pixels, Hundredths(quality))
        assert_same_symbols(pipeline.unpack(payload, (70, 90), Hundredths(quality)), latents)
        decode(pipeline, payload, (70, 90), Hundredths(quality))


@pytest.mark.parametrize("quality", [0, 5000, 10000])
def test_float_drift_cannot_touch_the_symbols(weights: Weights, astronaut: Pixels, quality: Hundredths) -> None:
    pixels = astronaut[60:188, 150:342]
    pipeline = pipeline_of(weights, "torch")
    latents, payload = coded(pipeline, pixels, quality)
    clean = decode(pipeline, payload, (128, 192), quality)
    with noise(pipeline, 1e-4):
        assert_same_symbols(pipeline.unpack(payload, (128, 192), quality), latents)
        drifted = decode(pipeline, payload, (128, 192), quality)
    assert drifted.tobytes() != clean.tobytes(), "the noise did nothing, so the test would show nothing"
    assert difference(drifted, clean).max() <= 1
    with noise(pipeline, 10.0):
        assert_same_symbols(pipeline.unpack(payload, (128, 192), quality), latents)


@pytest.mark.parametrize("quality", [0, 5000, 10000])
def test_a_decoder_in_bfloat16_finds_the_same_symbols(
    pipeline: ImagePipeline, weights: Weights, astronaut: Pixels, quality: Hundredths
) -> None:
    pixels = astronaut[60:188, 150:342]
    latents, payload = coded(pipeline, pixels, quality)
    clean = decode(pipeline, payload, (128, 192), quality)
    imprecise = pipeline_of(weights, "torch", "bf16")
    assert_same_symbols(imprecise.unpack(payload, (128, 192), quality), latents)
    drifted = decode(imprecise, payload, (128, 192), quality)
    assert drifted.tobytes() != clean.tobytes()
    assert psnr(drifted, clean) > 38


@pytest.mark.parametrize("engine", ["ncnn", "torch"])
@pytest.mark.parametrize(("encoder", "decoder"), [(1, 2), (2, 1)])
def test_number_of_threads_does_not_matter(
    weights: Weights, chelsea: Pixels, threads: Threads, engine: EngineName, encoder: int, decoder: int
) -> None:
    pixels = chelsea[100:164, 100:228]
    with threads(encoder):
        pipeline = pipeline_of(weights, engine, threads=encoder)
        latents, payload = coded(pipeline, pixels, Hundredths(80_00))
        here = decode(pipeline, payload, (64, 128), Hundredths(80_00))
    with threads(decoder):
        pipeline = pipeline_of(weights, engine, threads=decoder)
        assert_same_symbols(pipeline.unpack(payload, (64, 128), Hundredths(80_00)), latents)
        again = decode(pipeline, payload, (64, 128), Hundredths(80_00))
        if engine == "ncnn":  # whose sums do not depend on the number of threads
            assert np.array_equal(again, here)
        else:
            assert difference(again, here).max() <= 1


def test_threads_may_share_a_pipeline(pipeline: ImagePipeline, coffee: Pixels) -> None:
    crops = [np.ascontiguousarray(coffee[40 * i : 40 * i + 64 + i, 50 * i : 50 * i + 96]) for i in range(4)]
    expected = [encode(pipeline, crop, Hundredths(1000 * i)) for i, crop in enumerate(crops)]
    found: dict[int, bytes] = {}

    def work(index: int) -> None:
        found[index] = encode(pipeline, crops[index], Hundredths(1000 * index))
        decode(pipeline, found[index], crops[index].shape[:2], Hundredths(1000 * index))

    workers = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [found[index] for index in range(4)] == expected


def table_bits(weights: Weights, symbols: NDArray[np.int32], levels: NDArray[np.uint8]) -> float:
    """Ideal length of symbols under the stored tables, escapes included."""
    bits = 0.0
    for level, table in enumerate(weights.tables.split()):
        radius = int(weights.tables.radii[level])
        values = symbols[levels == level].astype(np.int64)
        escaped = np.abs(values) > radius
        entries = np.where(escaped, 2 * radius + 1, values + radius)
        bits -= float(np.log2(table[entries] / TOTAL).sum())
        prefixes = np.floor(np.log2(np.abs(values[escaped]) - radius))
        bits += float((2 * prefixes + 2).sum())  # prefix, sign, remaining bits
    return bits


@pytest.mark.parametrize("quality", [0, 25, 50, 75, 100])
def test_files_are_as_small_as_promised(
    codec: Codec, pipeline: ImagePipeline, weights: Weights, astronaut: Pixels, quality: Hundredths
) -> None:
    """The whole file is below the Gaussian model's estimate plus 1 %, and at what the stored tables allow.

    The tables are counted on real symbols, so they are better than the estimate, and the first bound has room.
    """
    hundredths = 100 * quality
    latents = pipeline.transform.encode(astronaut, Hundredths(hundredths))
    estimate = ideal = 0.0
    for symbols, levels in ((latents.y, latents.y_levels), (latents.z, latents.z_levels)):
        nats = torch.tensor(levels).float() / LEVELS_PER_NAT
        estimate += float(gaussian_bits(torch.tensor(symbols).float(), nats).double().sum())
        ideal += table_bits(weights, symbols, levels)
    file_bits = 8 * len(codec.compress(astronaut, quality))
    assert 0.5 * estimate < file_bits < 1.01 * estimate
    overhead = 8 * 22  # the container of one chunk
    assert ideal - 8 <= file_bits - overhead <= 1.001 * ideal + 8


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (64, 100)])
def test_data_left_over_is_noticed(pipeline: ImagePipeline, chelsea: Pixels, size: tuple[int, int]) -> None:
    payload = encode(pipeline, chelsea[:100, :100], Hundredths(50_00))
    with pytest.raises(Corrupt):
        pipeline.unpack(payload, size, Hundredths(50_00))


def test_hyper_latents_beyond_their_range_are_corrupt(pipeline: ImagePipeline, chelsea: Pixels) -> None:
    encoded, _ = coded(pipeline, chelsea[:64, :64], Hundredths(50_00))
    latents = replace(encoded, z=encoded.z.copy())
    for value in (1024, -1024):
        latents.z[0, 0, 0] = value
        payload = pipeline.pack(latents)
        with pytest.raises(Corrupt, match="hyper-latent symbol beyond 1023"):
            pipeline.unpack(payload, (64, 64), Hundredths(50_00))
    latents.z[0, 0, 0] = -1023
    walk = ScaleWalk(pipeline.transform.scales, latents.z, Hundredths(50_00))
    for part in walk.parts():
        walk.levels()
        walk.add(latents.y[part.step, part.in_step])
    latents = replace(latents, y_levels=walk.coded()[1])
    assert_same_symbols(pipeline.unpack(pipeline.pack(latents), (64, 64), Hundredths(50_00)), latents)
