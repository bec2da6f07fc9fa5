"""Large images: time, memory, previews, and what tiles take."""

from __future__ import annotations

from pathlib import Path

import click

from commands import shared


def _sizes(context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        sizes = tuple(sorted(float(size) for size in value.split(",")))
    except ValueError:
        raise click.BadParameter(f"{value!r}, expected numbers with commas between them") from None
    if not sizes[0] > 0:
        raise click.BadParameter(f"{value!r}, expected numbers above 0")
    return sizes


@click.command("large")
@shared.images_option
@shared.quality_option
@shared.threads_option
@click.option("--sizes", default="1,12,100,400", callback=_sizes, help="Sizes of the mosaics in megapixels.")
@shared.model_option
@shared.device_option
@shared.data_option
def command(
    source: str | None,
    quality: float,
    threads: int,
    sizes: tuple[float, ...],
    model: str | None,
    device: str,
    data: Path | None,
) -> None:
    """Measure time and memory of the command for mosaics, with ratios to the smallest of them.

    The mosaics are made of the images, or of generated ones where there are none.
    """
    with shared.measuring(threads):
        import large_images

        from cnncompress import Codec
        from cnncompress.evaluation import speed

        pictures = shared.load_pictures(source, data)
        shared.print_machine()
        options = ["-T", str(threads), *shared.run_options(model, device)]
        smallest = None
        for result in large_images.measure_large(sizes, pictures, quality, options):
            smallest = smallest or result
            click.echo(large_images.format_large(result, smallest))
        codec = Codec(model, device)
        previews = large_images.measure_previews(codec, pictures[:8] or [speed.generated_image()], quality)
        click.echo(large_images.format_previews(previews))
        size = large_images.OVERHEAD_MEGAPIXELS
        overhead = large_images.tiling_overhead(size, pictures, quality, options)
        click.echo(f"tiles change the size of a file of {size:g} MP by {100 * overhead:+.2f} %")
