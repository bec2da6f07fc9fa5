"""Images of one size on a GPU, one by one and in batches."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from commands import shared


@click.command("batches")
@shared.images_option
@shared.threads_option
@click.option("--side", "sides", default=(256, 512), multiple=True, type=click.IntRange(min=1), help="Repeatable.")
@click.option("--count", default=256, type=click.IntRange(min=2), help="How many images of each side.")
@click.option("--rounds", default=3, type=click.IntRange(min=1), help="How often; the fastest round counts.")
@click.option("--pixels", type=click.IntRange(min=0), help="Most of a batch  [default: what the engine asks for]")
@shared.model_option
@click.option("--device", default="cuda", help="Where cnc runs.")
@shared.data_option
def command(
    source: str | None,
    threads: int,
    sides: tuple[int, ...],
    count: int,
    rounds: int,
    pixels: int | None,
    model: str | None,
    device: str,
    data: Path | None,
) -> None:
    """Code images of one size on a GPU, one by one and in batches."""
    with shared.measuring(threads):
        import batched_runs
        import batches

        from cnncompress import Codec
        from cnncompress.codec.model_settings import ModelSettings

        watch = batches.WaitingStopwatch()
        codec, watched = Codec(model, device, engine="torch"), Codec(model, device, engine="torch", stopwatch=watch)
        for each in (codec, watched):
            batches.ask_for(each._codec, pixels)
        pictures = shared.load_pictures(source, data)
        click.echo(f"{codec.device}, ", nl=False)
        shared.print_machine()
        for side in sides:
            images = batches.squares(side, count, pictures)
            click.echo(batches.format_speed(batches.measure(codec, watched, watch, images, rounds)))
            settings = ModelSettings(model, device, threads, engine="torch")
            with tempfile.TemporaryDirectory() as name:
                run = batched_runs.measure_run(images, Path(name), settings, rounds, pixels)
            click.echo(batched_runs.format_run(run))
