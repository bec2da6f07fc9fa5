"""Speed and memory of cnncompress: ``python benchmarks files|batches|scale|large|effort|versions``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncompress.errors import CnncompressError
from cnncompress.evaluation.environment import current_environment, limit_threads
from cnncompress.files.outputs import check_output

if TYPE_CHECKING:
    from PIL import Image

# What measures is imported after the threads are limited: the codecs' libraries count processors when they are loaded.

DATA_SET = "kodak"

_quality = click.option("--quality", default=50.0, type=click.FloatRange(0, 100), help="Quality of cnc.")
_threads = click.option("--threads", default=1, help="Threads that every codec is held to.")
_model = click.option("--model", metavar="NAME|PATH", help="Weights instead of the default model.")
_device = click.option("--device", default="auto", help="Where cnc runs.")
_images = click.option(
    "--image", "source", metavar="PATH|NAME", help="Image, folder, or name of a data set  [default: kodak]"
)
_data = click.option("--data", envvar="CNNCOMPRESS_DATA", type=click.Path(path_type=Path), help="Folder of data sets.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Measure many files, large images, and what effort buys; ``cnncompress bench`` measures a single image."""


@main.command("files")
@_images
@_quality
@_threads
@click.option("--count", default=48, type=click.IntRange(min=2), help="How many photographs.")
@_model
@_device
@_data
def files_command(
    source: str | None, quality: float, threads: int, count: int, model: str | None, device: str, data: Path | None
) -> None:
    """Compress many photographs in one run, and one by one.

    They are of 0.4 to 2 megapixels, and are cut out of the images, or generated where there are none.
    """
    with _measuring(threads):
        import many_files

        pictures = _pictures(source, data)
        _print_machine()
        options = ["-q", f"{quality:g}", *_run_options(model, device)]
        with tempfile.TemporaryDirectory() as name:
            images, outputs = Path(name, "in"), Path(name, "out")
            images.mkdir()
            paths = many_files.make_photographs(images, count, pictures)
            click.echo(many_files.format_batch(many_files.measure_batch(paths, outputs, threads, options)))


@main.command("batches")
@_images
@_threads
@click.option("--side", "sides", default=(256, 512), multiple=True, type=click.IntRange(min=1), help="Repeatable.")
@click.option("--count", default=64, type=click.IntRange(min=2), help="How many images of each side.")
@click.option("--rounds", default=3, type=click.IntRange(min=1), help="How often; the fastest round counts.")
@_model
@click.option("--device", default="cuda", help="Where cnc runs.")
@_data
def batches_command(
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
    with _measuring(threads):
        import batches

        from cnncompress import Codec

        watch = batches.WaitingStopwatch()
        codec, watched = Codec(model, device, engine="torch"), Codec(model, device, engine="torch", stopwatch=watch)
        pictures = _pictures(source, data)
        click.echo(f"{codec.device}, ", nl=False)
        _print_machine()
        for side in sides:
            images = batches.squares(side, count, pictures)
            click.echo(batches.format_speed(batches.measure(codec, watched, watch, images, rounds)))


@main.command("scale")
@_images
@_quality
@click.option("--threads", default=2, help="Threads, actors and shards.")
@click.option("--count", default=2000, type=click.IntRange(min=2), help="Small images for Ray and shards.")
@click.option("--rounds", default=2, type=click.IntRange(min=1), help="How often each way is measured.")
@click.option("--names", default=1_000_000, type=click.IntRange(min=100), help="Length of the list that is planned.")
@click.option("--files", default=100_000, type=click.IntRange(min=1), help="Number of files that are planned.")
@click.option("--members", default=5000, type=click.IntRange(min=10), help="Images in the larger tar.")
@click.option("--price", default=0.05, help="Of a core for an hour, in any currency.")
@_model
@_device
@_data
def scale_command(
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
    with _measuring(threads), tempfile.TemporaryDirectory() as name:
        import photograph_cost
        import scale

        pictures = _pictures(source, data)
        _print_machine()
        options = ["-q", f"{quality:g}", *_run_options(model, device)]
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


def _sizes(context: click.Context, parameter: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        sizes = tuple(sorted(float(size) for size in value.split(",")))
    except ValueError:
        raise click.BadParameter(f"{value!r}, expected numbers with commas between them") from None
    if not sizes[0] > 0:
        raise click.BadParameter(f"{value!r}, expected numbers above 0")
    return sizes


@main.command("large")
@_images
@_quality
@_threads
@click.option("--sizes", default="1,12,100,400", callback=_sizes, help="Sizes of the mosaics in megapixels.")
@_model
@_device
@_data
def large_command(
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
    with _measuring(threads):
        import large_images

        from cnncompress import Codec
        from cnncompress.evaluation import speed

        pictures = _pictures(source, data)
        _print_machine()
        options = ["-T", str(threads), *_run_options(model, device)]
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


@main.command("effort")
@_images
@_threads
@click.option("--levels", default="0,1,2,3,4,5,6,7,8,9", help="Which levels; 0 is always among them.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many, spread evenly.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the results.")
@_model
@_device
@_data
def effort_command(
    source: str | None,
    threads: int,
    levels: str,
    limit: int | None,
    json_path: Path | None,
    model: str | None,
    device: str,
    data: Path | None,
) -> None:
    """Code images with each level of effort at four qualities: the rate that it saves and the time that it takes."""
    with _measuring(threads):
        import effort_levels
        from tqdm import tqdm

        from cnncompress.evaluation import results, sources

        wanted = effort_levels.parse_levels(levels)
        images = sources.find_images([source or DATA_SET], data)
        images = images[:: max(1, len(images) // (limit or len(images)))][:limit]
        if json_path:
            check_output(str(json_path), force=True)
        click.echo(f"{len(images)} images, ", nl=False)
        _print_machine()
        measured = results.Results(())
        with tqdm(total=len(wanted) * len(images) * len(effort_levels.QUALITIES), file=sys.stderr) as bar:
            for measured in effort_levels.measure_levels(
                images, wanted, model=model, device=device, progress=bar.update
            ):
                if json_path:  # after each image, so that an interrupted run keeps what it has
                    results.write_results(measured, json_path)
        click.echo(effort_levels.format_levels(effort_levels.level_gains(measured)))


@main.command("versions")
@click.option("--before", required=True, type=click.Path(path_type=Path), help="Another checkout.")
@click.option("--image", "path", type=click.Path(path_type=Path), help="A photograph  [default: 768x512, generated]")
@click.option("--images", "source", metavar="PATH|NAME", help="What many images are cut out of  [default: kodak]")
@_quality
@click.option("--threads", default=2, help="Processors that everything is held to.")
@click.option("--repeat", default=7, type=click.IntRange(min=1), help="Timed runs of the photograph; medians count.")
@click.option("--many-repeat", default=1, type=click.IntRange(min=1), help="Timed runs over many images.")
@click.option("--photographs", default=48, type=click.IntRange(min=0), help="How many in one run.")
@click.option("--small", default=2000, type=click.IntRange(min=0), help="How many small images in one run.")
@click.option(
    "--side", "sides", default=(256,), multiple=True, type=click.IntRange(min=1), help="Of small images; repeatable."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Also write the results, after each figure.")
@_model
@_data
def versions_command(
    before: Path,
    path: Path | None,
    source: str | None,
    quality: float,
    threads: int,
    repeat: int,
    many_repeat: int,
    photographs: int,
    small: int,
    sides: tuple[int, ...],
    json_path: Path | None,
    model: str | None,
    data: Path | None,
) -> None:
    """Measure another checkout, this one and other programs side by side, on the CPU; print a table in Markdown."""
    if not before.is_dir():
        raise click.BadParameter(f"{before} is no folder", param_hint="--before")
    with _measuring(threads), tempfile.TemporaryDirectory() as name:
        import versions

        from cnncompress.evaluation import sources, speed

        pictures = _pictures(source, data)
        image = sources.load_rgb(path) if path else speed.generated_image()
        folder, photograph = Path(name), Path(name, "photograph.png")
        image.save(photograph)
        if json_path:
            check_output(str(json_path), force=True)
        settings = versions.Settings(quality, model, threads, repeat, many_repeat, photographs, small, sides)
        programs = versions.find_programs(before, photograph, folder, settings)
        title = f"{path.name if path else 'a generated image'}, {image.width}x{image.height}"
        report = versions.new_report(title, programs, settings)
        for row in versions.measure_versions(programs, photograph, pictures, folder, settings):
            report.rows.append(row)
            click.echo(versions.format_row(row, report), err=True)
            if json_path:
                versions.write_report(report, json_path)
        click.echo(versions.format_report(report))


@contextmanager
def _measuring(threads: int) -> Iterator[None]:
    """Limits the threads of this process; ends it with one line about an error in the body."""
    try:
        limit_threads(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        yield
    except CnncompressError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


def _pictures(source: str | None, data: Path | None) -> list[Image.Image]:
    """Returns the images to make others of: those asked for, or the data set; none without a folder of data sets."""
    from cnncompress.evaluation import sources

    if source is None and data is None:
        return []
    return [sources.load_rgb(path) for path in sources.find_images([source or DATA_SET], data)]


def _run_options(model: str | None, device: str) -> list[str]:
    return ["--device", device, *([] if model is None else ["--model", model])]


def _print_machine() -> None:
    environment = current_environment()
    click.echo(f"{environment.threads} threads, {environment.cpu}")


if __name__ == "__main__":
    main()
