"""Many photographs in one run, and one by one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from commands import shared


@click.command("files")
@shared.images_option
@shared.quality_option
@shared.threads_option
@click.option("--count", default=48, type=click.IntRange(min=2), help="How many photographs.")
@shared.model_option
@shared.device_option
@shared.data_option
def command(
    source: str | None, quality: float, threads: int, count: int, model: str | None, device: str, data: Path | None
) -> None:
    """Compress many photographs in one run, and one by one.

    They are of 0.4 to 2 megapixels, and are cut out of the images, or generated where there are none.
    """
    with shared.measuring(threads):
        import many_files

        pictures = shared.load_pictures(source, data)
        shared.print_machine()
        options = ["-q", f"{quality:g}", *shared.run_options(model, device)]
        with tempfile.TemporaryDirectory() as name:
            images, outputs = Path(name, "in"), Path(name, "out")
            images.mkdir()
            paths = many_files.make_photographs(images, count, pictures)
            click.echo(many_files.format_batch(many_files.measure_batch(paths, outputs, threads, options)))
