"""Beyond one machine: what docs/SCALE.md promises."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from commands import shared


@click.command("scale")
@shared.images_option
@shared.quality_option
@click.option("--threads", default=2, help="Threads, actors and shards.")
@click.option("--count", default=2000, type=click.IntRange(min=2), help="Small images for Ray and shards.")
@click.option("--rounds", default=2, type=click.IntRange(min=1), help="How often each way is measured.")
@click.option("--names", default=1_000_000, type=click.IntRange(min=100), help="Length of the list that is planned.")
@click.option("--files", default=100_000, type=click.IntRange(min=1), help="Number of files that are planned.")
@click.option("--members", default=5000, type=click.IntRange(min=10), help="Images in the larger tar.")
@click.option("--price", default=0.05, help="Of a core for an hour, in any currency.")
@shared.model_option
@shared.device_option
@shared.data_option
def command(
    source: str | None,
    quality: float,
    threads: int,
    count: int,
    rounds: int,
    names: int,
    files: int,
    members: int,
    price: float,
    model: str | None,
    device: str,
    data: Path | None,
) -> None:
    """Measure what docs/SCALE.md promises: Ray and shards against one process, planning, tars, and the cost."""
    with shared.measuring(threads), tempfile.TemporaryDirectory() as name:
        import photograph_cost
        import scale

        pictures = shared.load_pictures(source, data)
        shared.print_machine()
        options = ["-q", f"{quality:g}", *shared.run_options(model, device)]
        folders = [Path(name, part) for part in ("ray/in", "plan", "tar", "cost")]
        for folder in folders:
            folder.mkdir(parents=True)
        click.echo(f"{count} images of {scale.SMALL_SIDE}x{scale.SMALL_SIDE}, {threads} at the same time")
        scale.small_images(folders[0], count, pictures)
        for line in scale.compare_ray(folders[0].parent, count, threads, rounds, options):
            click.echo(line)
        click.echo("planning")
        for line in scale.measure_planning(folders[1], names, files):
            click.echo(line)
        click.echo(f"tars of images of {scale.MEMBER_SIDE}x{scale.MEMBER_SIDE}")
        for line in scale.measure_tars(folders[2], (members // 10, members), options):
            click.echo(line)
        click.echo("cost")
        parts = photograph_cost.measure_parts(folders[3], pictures, quality, model, device)
        click.echo(photograph_cost.format_parts(parts, price))
