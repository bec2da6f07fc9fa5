"""Versions of a picture at equal bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnncompress.evaluation.metrics import psnr
from cnncompress.evaluation.peers import find_codec
from cnncompress.report.measure import load_original, measure_qualities, steps_of


def test_peers_have_at_least_as_many_bytes(chelsea: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(chelsea[:100, :120]).save(path)
    own, peer = find_codec("webp"), find_codec("jpeg")  # the page does not mind who stands for cnc
    steps: list[None] = []
    original = load_original(path)
    assert (original.name, original.file_bytes) == ("cat.png", path.stat().st_size)
    measured = measure_qualities(
        original, own, [peer], (50.0, 10.0), lambda data: None, with_errors=True, progress=lambda: steps.append(None)
    )
    entries = [next(measured)]
    assert len(steps) == 4, "the other quality waits"
    entries += measured
    assert len(steps) == steps_of(2, 2) == 8
    assert [entry.quality for entry in entries] == [10.0, 50.0]
    for entry in entries:
        first, second = entry.versions
        assert (first.codec, first.quality, second.codec) == ("webp", entry.quality, "jpeg")
        assert len(second.data) >= len(first.data)
        assert second.psnr == pytest.approx(psnr(original.pixels, second.pixels))
        assert second.errors is None and second.ssimulacra2 is None  # too small
