"""One analysis for several qualities, with the shipped model: how seldom, and how little it costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from coding import decode, encode
from numpy.typing import NDArray

from cnncompress.codec.pipeline import ImagePipeline
from cnncompress.codec.tile_encoder import ENDS, REACH, SharedAnalysis
from cnncompress.evaluation.metrics import psnr
from cnncompress.units import Hundredths

Pixels = NDArray[np.uint8]


class Stages:
    """Counts what is begun."""

    def __init__(self) -> None:
        self.begun: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.begun.append(name)
        yield


@pytest.fixture(scope="module")
def photo(astronaut: Pixels) -> Pixels:
    return np.ascontiguousarray(astronaut[0:192, 128:320])


def test_one_analysis_as_far_as_it_reaches(
    pipeline: ImagePipeline, photo: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = Stages()
    monkeypatch.setattr(pipeline.transform, "stopwatch", stages)
    shared = SharedAnalysis(pipeline, photo)
    first = shared.encode(Hundredths(60_00))
    for quality in (6000 - REACH, 6000 + REACH, 6300, 6000):
        shared.encode(Hundredths(quality))
    assert (stages.begun.count("analysis"), stages.begun.count("rans")) == (1, 5)
    assert shared.encode(Hundredths(60_00)) == first == (encode(pipeline, photo, Hundredths(60_00)),)
    before = stages.begun.count("analysis")
    assert shared.encode(Hundredths(6000 + REACH + 1)) == (encode(pipeline, photo, Hundredths(6000 + REACH + 1)),)
    shared.encode(Hundredths(6000 + 2 * REACH))
    assert stages.begun.count("analysis") - before == 2, "the pipeline's and one more"


@pytest.mark.parametrize("end", ENDS)
def test_the_ends_are_analysed_themselves(pipeline: ImagePipeline, photo: Pixels, end: int) -> None:
    """What they come to decides whether a target is out of reach."""
    shared = SharedAnalysis(pipeline, photo)
    shared.encode(Hundredths(abs(end - 300)))
    assert shared.encode(Hundredths(end)) == (encode(pipeline, photo, Hundredths(end)),)


@pytest.mark.parametrize("quality", [1000, 5000, 9000])
@pytest.mark.parametrize("away", [-REACH, REACH])
def test_it_codes_as_well_from_as_far_as_it_reaches(
    pipeline: ImagePipeline, photo: Pixels, quality: Hundredths, away: int
) -> None:
    """The same rate and distortion to a few thousandths: 1 % of the bytes are about 0.05 dB."""
    shared = SharedAnalysis(pipeline, photo)
    shared.encode(Hundredths(quality + away))
    (reused,), fresh = shared.encode(quality), encode(pipeline, photo, quality)

    one, other = (psnr(photo, decode(pipeline, payload, (192, 192), quality)) for payload in (reused, fresh))
    rate = math.log(len(reused) / len(fresh))
    distortion = one - other
    assert abs(rate) < 0.012 and abs(distortion) < 0.03
    assert rate - distortion / 5 < 0.01
