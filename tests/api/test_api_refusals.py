"""What the Python interface refuses: arguments, images, files."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from changed_files import with_header
from numpy.typing import NDArray
from PIL import Image
from sample_files import encoded

import cnncompress
from cnncompress.api.calls import compress, decompress, restore_original
from cnncompress.api.codec import Codec
from cnncompress.codec.targets import TargetBpp, TargetPsnr, TargetSize
from cnncompress.errors import (
    BadMagic,
    Corrupt,
    LimitExceeded,
    PartLost,
    Truncated,
    UnreadableImage,
    UnsupportedImage,
)
from cnncompress.images.limits import Limits
from cnncompress.probe import probe

Pixels = NDArray[np.uint8]


@pytest.mark.parametrize("quality", [-0.01, 100.01, -1, 101, math.nan, math.inf, -math.inf])
def test_quality_out_of_range(codec: Codec, crop: Pixels, quality: float) -> None:
    with pytest.raises(ValueError, match=r"quality is .*, must be within 0 \.\. 100"):
        codec.compress(crop, quality)


@pytest.mark.parametrize("quality", ["50", b"50", [50], 5j])
def test_quality_that_is_no_number(codec: Codec, crop: Pixels, quality: Any) -> None:
    with pytest.raises(TypeError, match=r"quality is .*50.*|quality is 5j, must be a number within 0 \.\. 100"):
        codec.compress(crop, quality)


def test_quality_and_target_exclude_each_other(codec: Codec, crop: Pixels) -> None:
    for function in (codec.compress, compress):
        with pytest.raises(ValueError, match="both a quality, 60, and a target"):
            function(crop, 60, target=cnncompress.TargetSize(2000))


def test_max_pixels_holds_both_ways(codec: Codec, packed: bytes, crop: Pixels) -> None:
    exact = Codec(device="cpu", limits=Limits(110 * 70))
    assert exact.compress(crop, 60) == packed
    assert exact.decompress(packed).size == (110, 70)
    strict = Codec(device="cpu", limits=Limits(110 * 70 - 1))
    for source in (crop, encoded(Image.fromarray(crop)), Image.fromarray(crop)):
        with pytest.raises(LimitExceeded, match="7699"):
            strict.compress(source)
    with pytest.raises(LimitExceeded, match="110x70 pixels are more than the limit of 7699"):
        strict.decompress(packed)
    with pytest.raises(LimitExceeded, match="65535x65535"):
        codec.decompress(with_header(packed, width=65535, height=65535))


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("missing.png", UnreadableImage),
        (b"", UnreadableImage),
        (b"not an image", UnreadableImage),
        (np.zeros((4, 4), dtype=np.float32), UnsupportedImage),
        (np.zeros((4, 4, 2), dtype=np.uint8), UnsupportedImage),
        (np.zeros((0, 4, 3), dtype=np.uint8), UnsupportedImage),
        (Image.fromarray(np.full((3, 3), np.nan, dtype=np.float32)), UnsupportedImage),
    ],
)
def test_unusable_sources(codec: Codec, source: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        codec.compress(source)
    assert "\n" not in str(caught.value)


def test_sources_of_no_known_type(codec: Codec) -> None:
    for source, name in ((5, "int"), (None, "NoneType"), ([[1]], "list")):
        wrong: Any = source
        with pytest.raises(TypeError, match=f"an image is given as {name}, expected a path"):
            codec.compress(wrong)
        for function in (codec.decompress, decompress, restore_original, probe):
            with pytest.raises(TypeError, match=f"a file is given as {name}, expected its bytes, its path or"):
                function(wrong)


def test_bytes_behind_the_end_are_warned_of(codec: Codec, packed: bytes) -> None:
    with pytest.raises(Corrupt, match="extra bytes at the end of the file"):
        restore_original(packed + b"more")
    for function in (codec.decompress, decompress):
        with pytest.raises(Corrupt, match="extra bytes at the end of the file"):
            function(packed + b"more")
        with pytest.warns(PartLost, match="extra bytes at the end of the file, which are ignored") as caught:
            assert function(packed + b"more", keep_going=True) == codec.decompress(packed)
        assert len(caught) == 1 and caught[0].filename == __file__


def test_unusable_files(codec: Codec, packed: bytes) -> None:
    for data, error in [(b"", Truncated), (b"GIF89a", BadMagic), (packed[:-1], Truncated), (packed + b"0", Corrupt)]:
        for function in (codec.decompress, decompress, probe):
            with pytest.raises(error):
                function(data)


def test_misuse_is_told_in_a_sentence() -> None:
    import torch

    device, limits = torch.device("cpu"), 100
    with pytest.raises(TypeError, match=r"device is device\(type='cpu'\), expected a name such as 'cpu' or 'cuda:0'"):
        Codec(device=device)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"limits is 100, expected a cnncompress\.Limits"):
        Codec(device="cpu", limits=limits)  # type: ignore[arg-type]
    for call in (compress, decompress):
        with pytest.raises(TypeError, match="device is device"):
            call(b"", device=device)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes is '200k', expected a whole number of bytes"):
        TargetSize("200k")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bits_per_pixel is None, expected a number"):
        TargetBpp(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="decibels is True, expected a number"):
        TargetPsnr(True)
    with pytest.raises(TypeError, match=r"max_pixels is 1\.5, expected a whole number"):
        Limits(max_pixels=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="quality is True, must be a number"):
        compress(np.zeros((2, 2), np.uint8), True)
    with pytest.raises(TypeError, match="target is 1000, must be a TargetSize"):
        compress(np.zeros((2, 2), np.uint8), target=1000)  # type: ignore[arg-type]
