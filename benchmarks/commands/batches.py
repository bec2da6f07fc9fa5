"""Images of one size on a GPU, one by one and in batches."""

from __future__ import annotations

from pathlib import Path

import click

from commands import shared


@click.command("batches")
@shared.images_option
@shared.threads_option
@click.option("--side", "sides", default=(256, 512), multiple=True, type=click.IntRange(min=1), help="Repeatable.")
@click.option("--count", default=64, type=click.IntRange(min=2), help="How many images of each side.")
@click.option("--rounds", default=3, type=click.IntRange(min=1), help="How often; the fastest round counts.")
@shared.model_option
@click.option("--device", default="cuda", help="Where cnc runs.")
@shared.data_option
def command(
    source: str | None,
    threads: int,
    sides: tuple[int, ...],
    count: int,
    rounds: int,
    model: str | None,
    device: str,
    data: Path | None,
) -> None:
    """Code images of one size on a GPU, one by one and in batches."""
    with shared.measuring(threads):
        import batches

        from cnncompress import Codec

        watch = batches.WaitingStopwatch()
        codec, watched = Codec(model, device, engine="torch"), Codec(model, device, engine="torch", stopwatch=watch)
        pictures = shared.load_pictures(source, data)
        click.echo(f"{codec.device}, ", nl=False)
        shared.print_machine()
        for side in sides:
            images = batches.squares(side, count, pictures)
            click.echo(batches.format_speed(batches.measure(codec, watched, watch, images, rounds)))
