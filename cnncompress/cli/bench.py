"""``cnncompress bench``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncompress.cli.options.completing import ModelName
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.cli.options.running import DEVICE_VARIABLE, MODEL_VARIABLE
from cnncompress.cli.options.types import Device, Quality

if TYPE_CHECKING:
    from PIL import Image

    from cnncompress.evaluation.speed import Speed

_PEERS = ("avif", "webp", "jpeg")


@click.command(
    "bench",
    cls=SectionCommand,
    context_settings={"show_default": True},
    short_help="Measure speed and memory on one image.",
)
@click.option(
    "--image", "path", type=click.Path(path_type=Path), help="Image to measure.  [default: 768x512, generated]"
)
@click.option("--quality", type=Quality(), default=50, help="Quality of cnc.")
@click.option("--threads", default=1, help="Number of threads for every codec.")
@click.option("--repeat", default=5, type=click.IntRange(min=1), help="Number of timed runs; the medians are printed.")
@click.option("--model", metavar="NAME|PATH", type=ModelName(), envvar=MODEL_VARIABLE, help="Model to measure.")
@click.option("--device", type=Device(), default="auto", envvar=DEVICE_VARIABLE, help="Where to run.")
@click.option("--peers", "with_peers", is_flag=True, help="Also measure AVIF, WebP and JPEG at the nearest rate.")
def command(
    path: Path | None, quality: float, threads: int, repeat: int, model: str | None, device: str, with_peers: bool
) -> None:
    """Print encode and decode times of one image by stage, peak memory and start-up times.

    \b
    Examples:
      cnncompress bench
      cnncompress bench --image photo.png --threads 2 --peers

    Times are with the model loaded, except for the start-up times.
    """
    from cnncompress.evaluation.environment import current_environment, limit_threads

    try:
        limit_threads(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    # After the threads are limited: the codecs' libraries count processors when they are loaded.
    from cnncompress.evaluation import peers, sources, speed
    from cnncompress.evaluation.peak_memory import peak_memory_mib
    from cnncompress.evaluation.stopwatch import Stopwatch

    image = sources.load_rgb(path) if path else speed.generated_image()
    environment = current_environment()
    click.echo(f"{image.width}x{image.height}, {environment.threads} threads, {environment.cpu}")
    stopwatch = Stopwatch()
    codec = peers.CncCodec(model, device)
    watched = speed.Watched(peers.CncCodec(model, device, stopwatch=stopwatch), stopwatch)
    measured = speed.measure_speed(codec, image, quality, repeat, watched)
    click.echo(speed.format_speed(measured))
    memory = peak_memory_mib()  # before the peers can raise it
    click.echo("peak memory: " + ("not known here" if memory is None else f"{memory:.0f} MiB"))
    if with_peers:
        _print_peers(image, measured, repeat)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "image.cnc")
        file.write_bytes(codec.encode(image, quality))
        for label, arguments in (("--help", ["--help"]), ("info", ["info", str(file)])):
            click.echo(f"start-up of cnncompress {label}: {speed.startup_seconds(arguments):.3f} s")


def _print_peers(image: Image.Image, measured: Speed, repeat: int) -> None:
    from cnncompress.evaluation import peers, speed

    for name in _PEERS:
        peer = peers.find_codec(name)
        near = speed.quality_near(peer, image, measured.bpp)
        click.echo(speed.format_ratio(measured, speed.measure_speed(peer, image, near, repeat)))
