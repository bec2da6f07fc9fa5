"""The integer scale networks against an independent implementation, bit for bit, on the way through a latent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from integer_oracle import context_levels, interpolate, levels, log_scales, surprise
from numpy.typing import NDArray
from random_scales import random_scales, random_tensors

from cnncompress.entropy.integers import EXACT_LIMIT
from cnncompress.entropy.parts import PARTS_OF_STEP, STEPS, coding_parts
from cnncompress.entropy.scale_walk import ScaleWalk
from cnncompress.entropy.scales import MAX_HYPER_SYMBOL, IntegerScales, scale_levels, tensor_shapes
from cnncompress.errors import InvalidModel
from cnncompress.model.config import ModelConfig
from cnncompress.model.weights import Weights

QUALITIES = [0, 1, 1234, 5000, 7143, 9999, 10000]
CONFIG = ModelConfig(
    latent_channels=48, fine_channels=8, hyper_channels=6, scale_width=16, scale_context_width=12,
    lambdas=(0.001, 0.01, 0.1, 1.0),
)  # fmt: skip


def symbols_of(seed: int, shape: tuple[int, ...], largest: float) -> NDArray[np.int32]:
    """Symbols of all sizes up to about the largest."""
    generator = np.random.default_rng(seed)
    sizes = largest ** generator.random(shape)
    return np.rint(generator.normal(size=shape) * sizes).astype(np.int32)


def check_walk(scales: IntegerScales, z: NDArray[np.int32], quality: int) -> NDArray[np.float64]:
    """Goes through a latent beside the oracle; returns the share of levels that the context moves, by part."""
    tensors, wide = scales.tensors, z.astype(np.int64)
    in_advance = log_scales(tensors, wide, quality)
    y = symbols_of(quality, in_advance.shape, 300.0)
    walk, moved = ScaleWalk(scales, z, quality), []
    known: list[NDArray[np.int64]] = []
    for number, part in enumerate(scales.parts):
        own = in_advance[part.in_latent]
        expected = context_levels(tensors, number, own, known)
        found = walk.levels()
        assert found.dtype == np.uint8 and (found == expected).all()
        moved.append((expected != levels(own)).mean())
        walk.add(y[part.in_latent])
        known.append(surprise(tensors, y[part.in_latent].astype(np.int64), own))
    symbols, coded = walk.coded()
    assert symbols.shape == coded.shape == (STEPS, len(y) // STEPS, *y.shape[1:])
    assert (symbols.reshape(y.shape) == y).all()
    return np.array(moved)


@pytest.mark.parametrize("largest", [3, MAX_HYPER_SYMBOL])
def test_equals_the_oracle(largest: int) -> None:
    scales = random_scales(CONFIG, seed=largest)
    z = np.random.default_rng(1).integers(-largest, largest + 1, (CONFIG.hyper_channels, 5, 4)).astype(np.int32)
    seen = set()
    for quality in QUALITIES:
        moved = check_walk(scales, z, quality)
        assert moved[0] == 0.0 and moved[1:].min() > 0.2, "the case says nothing: the context hardly matters"
        seen |= set(levels(log_scales(scales.tensors, z.astype(np.int64), quality)).flat)
        expected = levels(interpolate(scales.tensors["hyper_offset"], quality))
        assert (scales.hyper_levels(quality) == expected).all()
    assert len(seen) > 50, "the case says nothing: hardly any levels occur"


def test_shipped_model_equals_the_oracle(weights: Weights) -> None:
    z = symbols_of(1, (weights.config.hyper_channels, 4, 3), 6.0)
    for quality in (0, 3333, 10000):
        check_walk(weights.scales, z, quality)
        expected = levels(log_scales(weights.scales.tensors, z.astype(np.int64), quality))
        assert len(np.unique(expected)) > 10


def test_hyper_latent_is_clipped() -> None:
    scales = random_scales(CONFIG, seed=2)
    z = np.full((CONFIG.hyper_channels, 2, 2), 127, np.int32)
    assert (scales.features(z, 5000) == scales.features(z * 8, 5000)).all()
    assert (scales.features(-z, 5000) == scales.features(-z * 8, 5000)).all()
    assert (scales.features(z, 5000) != scales.features(z - 1, 5000)).any()


def test_tiles_agree_with_the_whole() -> None:
    """A log-scale sees less than two hyper-latent positions in every direction."""
    scales = random_scales(CONFIG, seed=7)
    z = symbols_of(3, (CONFIG.hyper_channels, 9, 10), 20.0)
    whole, margin = scales.features(z, 4321), 2
    for top, left, side in [(0, 0, 7), (1, 2, 6), (2, 3, 7)]:
        tile = scales.features(np.ascontiguousarray(z[:, top : top + side, left : left + side]), 4321)
        inside = slice(2 * margin, 2 * (side - margin))
        rows, columns = (slice(2 * (start + margin), 2 * (start + side - margin)) for start in (top, left))
        assert (tile[:, inside, inside] == whole[:, rows, columns]).all()


def test_levels_at_their_edges() -> None:
    edges = np.array([-1e6, -17, -16, 15, 16, 47, 48, 32 * 63 - 17, 32 * 63 - 16, 32 * 63 + 16, 1e6], np.float32)
    assert scale_levels(edges).tolist() == [0, 0, 0, 0, 1, 1, 2, 62, 63, 63, 63]
    whole = np.arange(-100, 2200)
    assert (scale_levels(whole.astype(np.float32)) == levels(whole)).all()


def test_parts_cover_the_latent_in_order() -> None:
    for bands in ((4,), (8,), (40,), (192,), (320,), (4, 4), (40, 100), (320, 192)):
        parts, channels = coding_parts(bands), sum(bands)
        assert [part.step for part in parts] == [number // PARTS_OF_STEP for number in range(16)]
        covered = np.concatenate([np.arange(4 * channels)[part.in_latent] for part in parts])
        assert (covered == np.arange(4 * channels)).all()
        for part in parts:
            assert part.size > 0
            assert part.in_latent.start - part.in_step.start == part.step * channels
    assert [part.size for part in coding_parts((320,))[:4]] == [8, 16, 56, 240]
    assert [part.size for part in coding_parts((320, 192))[:4]] == [8, 16, 56, 432]


def test_bounds_have_every_layer() -> None:
    tensors = {name: np.zeros(shape, kind) for name, (kind, shape) in tensor_shapes(CONFIG).items()}
    for name, tensor in tensors.items():
        if name.endswith("shift"):
            tensor += 1
    layers = {name.rpartition(".")[0] for name in tensors if name.endswith("weight")}
    assert IntegerScales(CONFIG, tensors).bounds() == dict.fromkeys(layers, 1) and len(layers) == 4 + 3 * 15
    limits = {"synthesis.0": 127, "synthesis.3": 255, "context.2.stem": 127, "context.2.head": 255}
    for name, limit in limits.items():
        tensors[f"{name}.weight"][3, 1] = 5
        taps = 9 if name == "synthesis.0" else 1
        assert IntegerScales(CONFIG, tensors).bounds()[name] == 5 * taps * limit + 1
    tensors["input_bias"][2, 3] = -11
    scales = IntegerScales(CONFIG, tensors)
    assert scales.bounds()["synthesis.0"] == 5 * 9 * 127 + 11 + 1
    before = scales.log_scale_bound()
    tensors["offset"][1, 1] = -13
    assert IntegerScales(CONFIG, tensors).log_scale_bound() == before + 13


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("synthesis.0.bias", 1 << 24, r"sums of scales\.synthesis\.0 can reach .*, the limit is 2\^24"),
        ("synthesis.2.bias", -(1 << 31), r"sums of scales\.synthesis\.2 can reach"),
        ("input_bias", (1 << 31) - 1, r"sums of scales\.synthesis\.0 can reach"),
        ("context.15.head.bias", -(1 << 24), r"sums of scales\.context\.15\.head can reach"),
        ("offset", 1 << 23, r"a log-scale can reach .*, the limit is 2\^23"),
        ("hyper_offset", -(1 << 31), "a log-scale can reach 2147483648, the limit is 2"),
        ("synthesis.1.shift", 0, r"scales\.synthesis\.1\.shift must be within 1 \.\. 16"),
        ("context.3.stem.shift", 17, r"scales\.context\.3\.stem\.shift must be within 1 \.\. 16"),
        ("synthesis.3.weight", -128, r"scales\.synthesis\.3\.weight must be within -127 \.\. 127"),
        ("context.surprise", -128, r"scales\.context\.surprise must be within -127 \.\. 127"),
    ],
)
def test_what_is_refused(name: str, value: int, message: str) -> None:
    tensors: dict[str, NDArray[Any]] = random_tensors(CONFIG, seed=1)
    tensors[name].reshape(-1)[1] = value
    with pytest.raises(InvalidModel, match=message):
        IntegerScales(CONFIG, tensors)


def test_sums_of_weights_are_refused() -> None:
    """Not one weight alone, but their sum."""
    wide = ModelConfig(latent_channels=4, hyper_channels=4, scale_width=1024, lambdas=(0.1, 1.0))
    tensors = {name: np.zeros(shape, kind) for name, (kind, shape) in tensor_shapes(wide).items()}
    for name, tensor in tensors.items():
        if name.endswith("shift"):
            tensor += 1
    tensors["synthesis.3.weight"][2, :518] = 127
    IntegerScales(wide, tensors)
    assert EXACT_LIMIT < 519 * 127 * 255
    tensors["synthesis.3.weight"][2, 518] = 127
    with pytest.raises(InvalidModel, match=r"sums of scales\.synthesis\.3 can reach"):
        IntegerScales(wide, tensors)
