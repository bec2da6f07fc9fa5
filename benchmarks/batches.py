"""Images of one size, one by one and in batches: images and megapixels a second, and where the time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image, ImageOps

from cnncompress import Codec
from cnncompress.codec.codec import ModelCodec
from cnncompress.evaluation.speed import generated_image
from cnncompress.evaluation.stopwatch import Stopwatch

T = TypeVar("T")


@dataclass(frozen=True)
class BatchSpeed:
    """Seconds for so many square images of one size, the least of some rounds.

    Attributes:
        side: In pixels.
        images: How many.
        encode_alone: One call of the encoder for each image.
        encode_together: One call for all.
        decode_alone: One call of the decoder for each file.
        decode_together: One call for all.
        stages: Seconds of the batched encoder and decoder by stage, measured apart, with one stage after the other.
    """

    side: int
    images: int
    encode_alone: float
    encode_together: float
    decode_alone: float
    decode_together: float
    stages: tuple[tuple[str, float], ...]


class WaitingStopwatch(Stopwatch):
    """Waits for the GPU at the end of each stage, so that a stage has all of its own time."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time inside the ``with`` block, the work that it started on a GPU included."""
        import torch

        with super().stage(name):
            yield
            if torch.cuda.is_available():
                torch.cuda.synchronize()


def squares(side: int, count: int, sources: Sequence[Image.Image]) -> list[Image.Image]:
    """Scales images, or generated ones where there are none, to squares, in turns."""
    sources = sources or [generated_image()]
    return [ImageOps.fit(sources[number % len(sources)], (side, side)) for number in range(count)]


def measure(codec: Codec, watched: Codec, watch: Stopwatch, images: Sequence[Image.Image], rounds: int) -> BatchSpeed:
    """Codes images one by one and together, in turns.

    Args:
        codec: What is measured.
        watched: Another one that reports to the stopwatch.
        watch: The stopwatch.
        images: Of one size.
        rounds: How often; the fastest counts.
    """

    def encode_alone() -> list[bytes]:
        return [codec.compress(image, coding="learned") for image in images]

    def encode_together() -> list[bytes]:
        return codec.compress_all(images, coding="learned")

    files = encode_together()
    codec.decompress_all(files)
    times: list[tuple[float, ...]] = []
    for _ in range(rounds):
        found = (
            _seconds(encode_alone),
            _seconds(encode_together),
            _seconds(lambda: [codec.decompress(data) for data in files]),
            _seconds(lambda: codec.decompress_all(files)),
        )
        times.append(found)
    watched.decompress_all(watched.compress_all(images, coding="learned"))
    watch.reset()
    watched.decompress_all(watched.compress_all(images, coding="learned"))
    encode_alone_s, encode_together_s, decode_alone_s, decode_together_s = map(min, zip(*times, strict=True))
    stages = tuple(watch.seconds().items())
    side, count = images[0].width, len(images)
    return BatchSpeed(side, count, encode_alone_s, encode_together_s, decode_alone_s, decode_together_s, stages)


def format_speed(speed: BatchSpeed) -> str:
    """One image size as lines of text."""
    total = sum(seconds for _, seconds in speed.stages)
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in speed.stages)
    return "\n".join(
        [
            f"{speed.images} images of {speed.side}x{speed.side}",
            line("encode", speed.side, speed.images, speed.encode_alone, speed.encode_together),
            line("decode", speed.side, speed.images, speed.decode_alone, speed.decode_together),
            f"  time of both, together: {shares}",
        ]
    )


def line(name: str, side: int, images: int, alone: float, together: float) -> str:
    """Seconds for so many square images, one by one and together, as a line of text."""
    megapixels = side**2 * images / 1e6
    return (
        f"  {name}: one by one {images / alone:.1f} images/s, {megapixels / alone:.2f} MP/s; "
        f"together {images / together:.1f} images/s, {megapixels / together:.2f} MP/s; {alone / together:.2f} times"
    )


def ask_for(codec: ModelCodec, pixels: int | None) -> None:
    """Has an engine ask for batches of so many pixels; None leaves it as it is."""
    if pixels is not None:
        codec._engine.pixels_at_once = pixels


def _seconds(work: Callable[[], T]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
