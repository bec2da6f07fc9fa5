from __future__ import annotations

import pytest
from batches import BatchSpeed, WaitingStopwatch, format_speed, measure, squares
from PIL import Image

from cnncompress import Codec


def test_squares_are_of_one_size_and_take_turns() -> None:
    red, blue = (Image.new("RGB", size, colour) for size, colour in (((90, 60), "red"), ((50, 80), "blue")))
    found = squares(64, 3, [red, blue])
    assert [image.size for image in found] == [(64, 64)] * 3
    assert [image.getpixel((5, 5)) for image in found] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]
    assert squares(32, 1, [])[0].size == (32, 32)


@pytest.mark.slow
def test_measuring() -> None:
    watch = WaitingStopwatch()
    codec, watched = Codec(device="cpu"), Codec(device="cpu", stopwatch=watch)
    speed = measure(codec, watched, watch, squares(64, 2, []), rounds=1)
    assert (speed.side, speed.images) == (64, 2)
    assert min(speed.encode_alone, speed.encode_together, speed.decode_alone, speed.decode_together) > 0
    assert {"analysis", "scales", "synthesis"} <= dict(speed.stages).keys()


def test_what_is_printed() -> None:
    speed = BatchSpeed(100, 10, 2.0, 0.5, 1.0, 1.0, (("analysis", 1.0), ("scales", 3.0)))
    assert format_speed(speed).splitlines() == [
        "10 images of 100x100",
        "  encode: one by one 5.0 images/s, 0.05 MP/s; together 20.0 images/s, 0.20 MP/s; 4.00 times",
        "  decode: one by one 10.0 images/s, 0.10 MP/s; together 10.0 images/s, 0.10 MP/s; 1.00 times",
        "  time of both, together: analysis 25%, scales 75%",
    ]
