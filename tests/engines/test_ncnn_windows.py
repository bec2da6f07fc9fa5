"""Windows through the engine of ncnn: what lies in them is what it is in the whole image."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from engine_cases import Case, close, numbers, random_latent, random_pixels, same_pixels, tensor
from image_windows import window_of
from numpy.typing import NDArray

from cnncompress.model.receptive_field import analysis_margin, synthesis_reach
from cnncompress.units import Hundredths

EDGES = list(itertools.product((False, True), repeat=4))
"""Whether a window's core lies at the image's left, top, right and bottom edge."""


def core_at(
    edges: tuple[bool, ...], unit: int, far: tuple[int, int], image: tuple[int, int]
) -> tuple[int, int, int, int]:
    """A core that lies at edges of an image of some rows and columns, and else as far away, in a unit's multiples."""
    rows, columns = image
    left, top, right, bottom = edges
    near, distant = unit * far[0], unit * far[1]
    return (
        0 if left else near,
        0 if top else near,
        columns if right else columns - distant,
        rows if bottom else rows - distant,
    )


@dataclass(frozen=True)
class Whole:
    """What torch makes of a whole image, which is as large as its name says."""

    pixels: NDArray[np.uint8]
    latent: NDArray[np.float32]
    decoded: NDArray[np.float32]
    image: NDArray[np.uint8]

    size = (384, 384)
    quality = Hundredths(5000)


@pytest.fixture(scope="module")
def whole(case: Case) -> Whole:
    pixels = random_pixels(*Whole.size)
    decoded = random_latent(case.config, *(side // 16 for side in Whole.size))
    return Whole(
        pixels,
        numbers(case.torch.analyse(pixels, Whole.quality)),
        decoded,
        case.torch.synthesise(tensor(case, decoded), Whole.quality),
    )


@pytest.mark.parametrize("edges", EDGES, ids=str)
@pytest.mark.parametrize("far", [(1, 1), (1, 3), (3, 2)], ids=str)
def test_windows(case: Case, whole: Whole, edges: tuple[bool, ...], far: tuple[int, int]) -> None:
    """The margin ends at the image's edge in some, within the receptive field, and before it in others."""
    core = core_at(edges, 64, far, whole.size)
    margins, place = window_of(core, analysis_margin(case.config), whole.size)
    left, top, right, bottom = (edge // 16 for edge in core)
    found = case.ncnn.analyse(whole.pixels[(slice(None), *place)], whole.quality, margins)
    assert close(found, whole.latent[..., top:bottom, left:right])

    size = whole.size[0] // 16, whole.size[1] // 16
    margins, place = window_of((left, top, right, bottom), synthesis_reach(case.config), size)
    part = case.ncnn.synthesise(whole.decoded[(..., *place)], whole.quality, margins)
    assert same_pixels(part, whole.image[:, 16 * top : 16 * bottom, 16 * left : 16 * right])


def test_pieces_have_no_seams(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    y = random_latent(case.config, 12, 8)
    expected = case.torch.synthesise(tensor(case, y), Hundredths(5000))
    for side in (5, 16, 72, 1 << 20):
        monkeypatch.setattr("cnncompress.engines.ncnn.restoration.PIECE", side)
        assert same_pixels(case.ncnn.synthesise(y, Hundredths(5000)), expected)


@pytest.mark.parametrize("edges", [(False, True, True, False), (False, False, False, False)], ids=str)
def test_windows_of_the_shipped_model(shipped: Case, edges: tuple[bool, ...]) -> None:
    quality = Hundredths(6000)
    core = core_at(edges, 64, (3, 3), (512, 512))
    margins, place = window_of(core, analysis_margin(shipped.config), (512, 512))
    pixels = random_pixels(512, 512)
    left, top, right, bottom = (edge // 16 for edge in core)
    y = shipped.ncnn.analyse(pixels, quality)
    part = shipped.ncnn.analyse(pixels[(slice(None), *place)], quality, margins)
    assert close(part, y[..., top:bottom, left:right], 3e-6)
    margins, place = window_of((left, top, right, bottom), synthesis_reach(shipped.config), (32, 32))
    image = shipped.ncnn.synthesise(y, quality)
    own = shipped.ncnn.synthesise(y[(..., *place)], quality, margins)
    assert same_pixels(own, image[:, 16 * top : 16 * bottom, 16 * left : 16 * right], share=0.0005)
