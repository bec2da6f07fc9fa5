"""``cnncompress bench``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.cli.options.running import device_option, model_option
from cnncompress.cli.options.types import Quality
from cnncompress.units import plural

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
@click.argument("image", metavar="[IMAGE]", required=False, type=FileName())
@click.option("-q", "--quality", type=Quality(), default=50, help="Quality of cnc.")
@click.option("--threads", default=1, help="Number of threads for every codec.")
@click.option("--repeat", default=5, type=click.IntRange(min=1), help="Number of timed runs; the medians are printed.")
@model_option("Model to measure.")
@device_option
@click.option("--peers", "with_peers", is_flag=True, help="Also measure AVIF, WebP and JPEG at the nearest rate.")
def command(
    image: str | None, quality: float, threads: int, repeat: int, model: str | None, device: str, with_peers: bool
) -> None:
    """Print encode and decode times of one image by stage, peak memory and start-up times.

    \b
    Examples:
      cnncompress bench
      cnncompress bench photo.png --threads 2 --peers

    Without IMAGE, one of 768x512 pixels is generated. Times are with the model loaded, except the start-up times.
    """
    from cnncompress.evaluation.environment import current_environment, limit_threads

    try:
        limit_threads(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    # After the threads are limited: the codecs' libraries count processors when they are loaded.
    from cnncompress.evaluation import sources, speed
    from cnncompress.evaluation.cnc_codec import CncCodec, CncSettings
    from cnncompress.evaluation.peak_memory import peak_memory_mib
    from cnncompress.evaluation.stopwatch import Stopwatch

    picture = sources.load_rgb(Path(image)) if image else speed.generated_image()
    environment = current_environment()
    click.echo(f"{picture.width}x{picture.height}, {plural(environment.threads, 'thread')}, {environment.cpu}")
    stopwatch = Stopwatch()
    settings = CncSettings(model, device)
    codec = CncCodec(settings)
    watched = speed.Watched(CncCodec(settings, stopwatch), stopwatch)
    measured = speed.measure_speed(codec, picture, quality, repeat, watched)
    click.echo(speed.format_speed(measured))
    memory = peak_memory_mib()  # before the peers can raise it
    click.echo("peak memory: " + ("not known here" if memory is None else f"{memory:.0f} MiB"))
    if with_peers:
        _print_peers(picture, measured, repeat)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "image.cnc")
        file.write_bytes(codec.encode(picture, quality))
        for label, arguments in (("--help", ["--help"]), ("info", ["info", str(file)])):
            click.echo(f"start-up of cnncompress {label}: {speed.startup_seconds(arguments):.3f} s")


def _print_peers(image: Image.Image, measured: Speed, repeat: int) -> None:
    from cnncompress.evaluation import peers, speed

    for name in _PEERS:
        peer = peers.find_codec(name)
        near = speed.quality_near(peer, image, measured.bpp)
        click.echo(speed.format_ratio(measured, speed.measure_speed(peer, image, near, repeat)))
