"""How long a codec takes, stage by stage, and what the process needs for it."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from PIL import Image

from cnncompress.evaluation.peers import ImageCodec, MeasurementError
from cnncompress.evaluation.stopwatch import Stopwatch
from cnncompress.units import bits_per_pixel

STAGE_GROUPS = (
    ("transform", ("analysis", "synthesis")),
    ("entropy model", ("hyper", "scales", "context")),
    ("rANS", ("rans",)),
    ("image I/O", ("image",)),
    ("other", ("other",)),
)
"""Columns of the split, and the stages that the codec reports for each."""

SPECTRUM_EXPONENT = 1.35
"""Of 1/f in generated images: JPEG then takes about as many bits for them as for a photograph."""


@dataclass(frozen=True)
class Speed:
    """Median times of one codec on one image.

    Attributes:
        codec: Its name.
        quality: The codec's own quality.
        bpp: Rate at that quality in bits per pixel.
        encode_seconds: Pixels in memory to bytes in memory.
        decode_seconds: Bytes in memory to pixels in memory.
        encode_stages: Stage and seconds inside the encoder where one stage waits for the other, as they otherwise
            need not, and ``other`` for the rest; empty for codecs that report none.
        decode_stages: The same of the decoder.
    """

    codec: str
    quality: float
    bpp: float
    encode_seconds: float
    decode_seconds: float
    encode_stages: tuple[tuple[str, float], ...] = ()
    decode_stages: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Watched:
    """A codec that reports its stages, and therefore does one after the other.

    Attributes:
        codec: The codec.
        stopwatch: What it reports to.
    """

    codec: ImageCodec
    stopwatch: Stopwatch


def measure_speed(
    codec: ImageCodec, image: Image.Image, quality: float, repeat: int, watched: Watched | None = None
) -> Speed:
    """Encodes and decodes one image `repeat` times, after one untimed run that loads weights and libraries.

    Args:
        codec: The codec.
        image: 8-bit RGB.
        quality: The codec's own quality.
        repeat: Number of timed runs, at least 1.
        watched: The codec once more, for the split.
    """
    data = codec.encode(image, quality)
    codec.decode(data)
    encodes = [_seconds(lambda: codec.encode(image, quality)) for _ in range(repeat)]
    decodes = [_seconds(lambda: codec.decode(data)) for _ in range(repeat)]
    stages = [_stages(watched, work, repeat) for work in (_encoding(image, quality), _decoding(data))]
    return Speed(
        codec=codec.name,
        quality=quality,
        bpp=bits_per_pixel(len(data), image.width, image.height),
        encode_seconds=median(encodes),
        decode_seconds=median(decodes),
        encode_stages=stages[0],
        decode_stages=stages[1],
    )


def quality_near(codec: ImageCodec, image: Image.Image, bpp: float) -> float:
    """Returns the quality of the codec's ladder whose rate on this image is nearest to `bpp`, in ratio."""

    def distance(quality: float) -> float:
        rate = bits_per_pixel(len(codec.encode(image, quality)), image.width, image.height)
        return abs(math.log(rate / bpp))

    return min(codec.qualities, key=distance)


def startup_seconds(arguments: Sequence[str], repeat: int = 5) -> float:
    """Returns the median seconds of ``python -m cnncompress ARGUMENTS``, from start to exit, as a sub-process.

    Raises:
        MeasurementError: The command failed.
    """
    command = [sys.executable, "-m", "cnncompress", *arguments]
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - start)
        if run.returncode != 0:
            last = run.stderr.strip().splitlines()[-1:] or ["no message"]
            raise MeasurementError(
                f"cnncompress {' '.join(arguments)} failed with exit code {run.returncode}: {last[0]}"
            )
    return median(seconds)


def generated_image(width: int = 768, height: int = 512, seed: int = 1) -> Image.Image:
    """Makes an 8-bit RGB image with the amplitude spectrum of photographs, a power of 1/f; the same for a seed."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    frequency[0, 0] = 1.0  # the mean is set below
    planes = np.fft.ifft2(np.fft.fft2(noise, axes=(0, 1)) / frequency[..., None] ** SPECTRUM_EXPONENT, axes=(0, 1)).real
    planes = 0.8 * planes.mean(axis=2, keepdims=True) + 0.2 * planes  # channels of a photograph go together
    planes = 128.0 + 50.0 * (planes - planes.mean()) / planes.std()
    return Image.fromarray(np.clip(np.rint(planes), 0, 255).astype(np.uint8))


def format_speed(speed: Speed) -> str:
    """Returns encode and decode time with the split by stage, in milliseconds, as lines of text."""
    title = f"{speed.codec}, quality {speed.quality:g} ({speed.bpp:.2f} bpp)"
    lines = [title]
    for verb, total, stages in (
        ("encode", speed.encode_seconds, dict(speed.encode_stages)),
        ("decode", speed.decode_seconds, dict(speed.decode_stages)),
    ):
        line = f"  {verb} {1e3 * total:8.1f} ms"
        if stages:
            groups = [(name, sum(stages.get(stage, 0.0) for stage in some)) for name, some in STAGE_GROUPS]
            line += "; stages one by one: " + ", ".join(f"{name} {1e3 * seconds:.1f}" for name, seconds in groups)
        lines.append(line)
    return "\n".join(lines)


def format_ratio(speed: Speed, peer: Speed) -> str:
    """Returns a peer's times, and how many times longer `speed` took, as one line of text."""
    return (
        f"  {peer.codec:8} quality {peer.quality:g} ({peer.bpp:.2f} bpp): "
        f"encode {1e3 * peer.encode_seconds:.1f} ms ({speed.codec} takes "
        f"{speed.encode_seconds / peer.encode_seconds:.1f}x), "
        f"decode {1e3 * peer.decode_seconds:.1f} ms ({speed.decode_seconds / peer.decode_seconds:.1f}x)"
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _encoding(image: Image.Image, quality: float) -> Callable[[ImageCodec], object]:
    return lambda codec: codec.encode(image, quality)


def _decoding(data: bytes) -> Callable[[ImageCodec], object]:
    return lambda codec: codec.decode(data)


def _stages(
    watched: Watched | None, work: Callable[[ImageCodec], object], repeat: int
) -> tuple[tuple[str, float], ...]:
    if watched is None:
        return ()
    codec, stopwatch = watched.codec, watched.stopwatch
    work(codec)
    runs = []
    for _ in range(repeat):
        stopwatch.reset()
        whole = _seconds(lambda: work(codec))
        found = stopwatch.seconds()
        runs.append({**found, "other": max(0.0, whole - sum(found.values()))})
    names = dict.fromkeys(name for run in runs for name in run)
    return tuple((name, median(run.get(name, 0.0) for run in runs)) for name in names)
