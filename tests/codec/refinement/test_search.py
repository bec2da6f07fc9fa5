"""Refined files: never worse than those of a single pass, the same every time, and any decoder reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pytest
from coding import decode, encode, pipeline_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from cnncompress.bitstream.header import WHOLE
from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.progress import StopRefining
from cnncompress.codec.refinement.levels import EFFORTS, MAX_EFFORT, Effort, Round
from cnncompress.codec.refinement.search import Refiner, RefiningCoder
from cnncompress.codec.tile_decoder import TileDecoder
from cnncompress.codec.tile_encoder import TiledImage
from cnncompress.codec.tiles import TileGrid
from cnncompress.model.weights import Weights
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]
Threads = Callable[[int], AbstractContextManager[None]]

QUICK = Effort((Round(), Round(0.8, 0.5, measured=False), Round()))
"""A round of each kind, in a fraction of the time of the higher levels."""


@pytest.fixture(scope="module")
def refiner(pipeline: ImagePipeline, weights: Weights) -> Refiner:
    return Refiner(pipeline, weights)


def refined(refiner: Refiner, pixels: Pixels, quality: Hundredths, effort: Effort = QUICK) -> bytes:
    image = TiledImage(refiner.pipeline, pixels)
    (payload,) = image.encode(quality, RefiningCoder(refiner, effort))
    return payload


def cost(refiner: Refiner, pixels: Pixels, payloads: Sequence[bytes], quality: Hundredths, side: int = 0) -> float:
    """Lambda times the model's distortion plus bits per pixel, of what a decoder makes of the bytes."""
    height, width, _ = pixels.shape
    grid = TileGrid(width, height, side)
    decoded = TileDecoder(refiner.pipeline, grid, tuple(payloads), quality).decode(grid.image)
    return cost_of(refiner, pixels, b"".join(payloads), decoded, quality)


def cost_of(refiner: Refiner, pixels: Pixels, payload: bytes, decoded: Pixels, quality: Hundredths) -> float:
    measure = refiner.measure(pixels, quality)
    return measure.of(payload, measure.distortion.of(decoded))


def saved(refiner: Refiner, pixels: Pixels, quality: Hundredths, effort: Effort = QUICK) -> float:
    """How much lower the cost is than that of a single pass, as a share of the latter's rate."""
    single = encode(refiner.pipeline, pixels, quality)
    before = cost(refiner, pixels, [single], quality)
    after = cost(refiner, pixels, [refined(refiner, pixels, quality, effort)], quality)
    return (before - after) * pixels[..., 0].size / (8 * len(single))


def test_photographs_get_better(refiner: Refiner, coffee: Pixels) -> None:
    gains = [saved(refiner, coffee[120:312, 200:392], Hundredths(quality)) for quality in (500, 5000, 9500)]
    assert min(gains) > 0 and sum(gains) / 3 > 0.01


@pytest.mark.parametrize("level", [3, 5])
def test_levels_are_better_than_a_single_pass(refiner: Refiner, coffee: Pixels, level: int) -> None:
    assert saved(refiner, coffee[120:280, 200:360], Hundredths(40_00), EFFORTS[level]) > 0.01


@pytest.mark.parametrize("level", [1, 5])
def test_the_cost_is_that_of_the_model(pipeline: ImagePipeline, weights: Weights, coffee: Pixels, level: int) -> None:
    """A model for looks gets its files refined for looks, at the price of squared errors."""
    pixels, quality = coffee[120:280, 200:360], Hundredths(50_00)
    for_looks, for_squares = (Refiner(pipeline, replace(weights, similarity_share=share)) for share in (0.75, 0.0))
    lost, payloads = [], []
    for refiner in (for_looks, for_squares):
        payloads.append(refined(refiner, pixels, quality, EFFORTS[level]))
        decoded = decode(pipeline, payloads[-1], (160, 160), quality)
        lost.append(cost_of(for_looks, pixels, payloads[-1], decoded, quality))
    single = encode(pipeline, pixels, quality)
    before = cost_of(for_looks, pixels, single, decode(pipeline, single, (160, 160), quality), quality)
    assert lost[0] < before and lost[0] < lost[1] and payloads[0] != payloads[1]


@given(
    pixels=st.tuples(st.integers(1, 70), st.integers(1, 70)).flatmap(
        lambda size: arrays(np.uint8, (*size, 3), elements=st.integers(0, 255))
    ),
    quality=st.integers(0, 10000),
)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_gets_worse(refiner: Refiner, pixels: Pixels, quality: Hundredths) -> None:
    assert saved(refiner, pixels, quality) >= 0


@pytest.mark.parametrize("kind", ["noise", "flat", "checks"])
def test_no_photographs(refiner: Refiner, kind: str) -> None:
    rows, columns = np.mgrid[0:64, 0:80]
    pixels = {
        "noise": np.random.default_rng(2).integers(0, 256, (64, 80, 3)),
        "flat": np.full((64, 80, 3), 200),
        "checks": np.repeat(255 * ((rows // 3 + columns // 3) % 2)[..., None], 3, axis=2),
    }[kind].astype(np.uint8)
    for quality in (0, 10000):
        assert saved(refiner, pixels, Hundredths(quality)) >= 0


@pytest.mark.slow
def test_the_same_bytes_every_time(weights: Weights, coffee: Pixels, threads: Threads) -> None:
    pixels = coffee[100:260, 200:430]
    found = set()
    for count in (1, 1, 2):
        with threads(count):
            refiner = Refiner(pipeline_of(weights, threads=count), weights)
            found.add(refined(refiner, pixels, Hundredths(50_00)))
    assert len(found) == 1


def test_tiles_are_refined_one_by_one(refiner: Refiner, coffee: Pixels) -> None:
    pixels = coffee[120:248, 200:340]
    image = TiledImage(refiner.pipeline, pixels, 64)
    assert len(image.grid) > 1
    seen: list[tuple[int, int]] = []
    payloads = image.encode(
        Hundredths(50_00), RefiningCoder(refiner, QUICK), lambda done, total: seen.append((done, total))
    )
    total = (1 + len(QUICK.rounds)) * len(image.grid)
    assert seen == [(done, total) for done in range(1, total + 1)]
    single = image.encode(Hundredths(50_00))
    assert sum(one != other for one, other in zip(payloads, single, strict=True)) > 1
    quality = Hundredths(50_00)
    assert cost(refiner, pixels, payloads, quality, side=64) < cost(refiner, pixels, single, quality, side=64)


def test_a_search_can_be_stopped(refiner: Refiner, coffee: Pixels) -> None:
    """The best so far is returned: after one round that is what a search of one round finds."""
    pixels = coffee[120:220, 200:330]

    def stop_at(step: int) -> Callable[[int, int], None]:
        def progress(done: int, total: int) -> None:
            assert done <= step, "went on"
            if done == step:
                raise StopRefining

        return progress

    image = TiledImage(refiner.pipeline, pixels, WHOLE)
    single, stopped = (
        image.encode(Hundredths(50_00), RefiningCoder(refiner, QUICK), stop_at(step))[0] for step in (1, 2)
    )
    assert single == encode(refiner.pipeline, pixels, Hundredths(50_00))
    assert stopped == refined(refiner, pixels, Hundredths(50_00), Effort(QUICK.rounds[:1]))


def test_tiles_after_the_stop_get_a_single_pass(refiner: Refiner, coffee: Pixels) -> None:
    image = TiledImage(refiner.pipeline, coffee[120:248, 200:340], 64)

    def stop(done: int, total: int) -> None:
        if done >= 2:
            raise StopRefining

    stopped, single = (
        image.encode(Hundredths(50_00), RefiningCoder(refiner, QUICK), stop),
        image.encode(Hundredths(50_00)),
    )
    assert stopped[0] != single[0] and stopped[1:] == single[1:]


def test_other_errors_of_the_progress_end_the_work(refiner: Refiner, coffee: Pixels) -> None:
    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TiledImage(refiner.pipeline, coffee[:64, :64]).encode(Hundredths(50_00), RefiningCoder(refiner, QUICK), fail)


def test_levels_take_more_and_more_work() -> None:
    assert len(EFFORTS) == MAX_EFFORT + 1
    work = [len(effort.rounds) for effort in EFFORTS]
    assert work[0] == 0 and work == sorted(work) and work[5:] == sorted(set(work[5:]))
    assert all(effort.rounds[-1].measured for effort in EFFORTS[1:])
