"""Speed of cnncompress with the model loaded, stage by stage, its memory, and its start-up time."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from cnncompress.errors import CnncompressError
from cnncompress.evaluation.environment import current_environment, limit_threads


@click.command(context_settings={"show_default": True})
@click.option("--image", "path", type=click.Path(path_type=Path), help="A photograph [default: 768x512, generated].")
@click.option("--quality", default=50.0, type=click.FloatRange(0, 100), help="Quality of cnc.")
@click.option("--threads", default=1, help="Threads that every codec is held to.")
@click.option("--repeat", default=5, type=click.IntRange(min=1), help="Timed runs; medians are printed.")
@click.option("--model", metavar="NAME|PATH", help="Weights instead of the default model.")
@click.option("--device", default="auto", help="Where cnc runs.")
@click.option("--peers", "with_peers", is_flag=True, help="Also AVIF, WebP and JPEG at the nearest rate.")
@click.option("--batch", is_flag=True, help="Instead: many photographs in one run, against one by one.")
@click.option("--large", is_flag=True, help="Instead: time and memory of mosaics, against the smallest of them.")
@click.option("--sizes", default="1,12,100,400", help="With --large: their sizes in megapixels.")
@click.option("--count", default=48, type=click.IntRange(min=2), help="With --batch: how many photographs.")
@click.option("--effort", is_flag=True, help="Instead: what the levels of effort save, and how long they take.")
@click.option("--levels", default="0,1,2,3,4,5,6,7,8,9", help="With --effort: which levels; 0 is always there.")
@click.option("--images", "limit", type=click.IntRange(min=1), help="With --effort: only so many, spread evenly.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="With --effort: also write the results.")
@click.option("--data", envvar="CNNCOMPRESS_DATA", type=click.Path(path_type=Path), help="Folder of data sets.")
def main(
    path: Path | None,
    quality: float,
    threads: int,
    repeat: int,
    model: str | None,
    device: str,
    with_peers: bool,
    batch: bool,
    large: bool,
    sizes: str,
    count: int,
    effort: bool,
    levels: str,
    limit: int | None,
    json_path: Path | None,
    data: Path | None,
) -> None:
    """Print median encode and decode times of one image, their split, peak memory and start-up times.

    With --batch, photographs of 0.4 to 2 megapixels are cut out of the image, or of those of a folder or data set.
    With --large, they are made of the image, or of those of a folder or data set, and go through the command.
    With --effort, the image, or each of a folder or data set, is coded at four qualities with each level.
    """
    try:
        limit_threads(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    # After the threads are limited: the codecs' libraries count processors when they are loaded.
    from cnncompress.evaluation import peers, sources
    from cnncompress.evaluation.benchmarks import speed
    from cnncompress.evaluation.benchmarks.stopwatch import Stopwatch

    try:
        options = ["--device", device, *([] if model is None else ["--model", model])]
        if batch:
            options = ["-q", f"{quality:g}", *options]
            _measure_batch(path or (Path("kodak") if data else None), data, count, threads, options)
            return
        if large:
            options = ["-T", str(threads), *options]
            _measure_large(path or (Path("kodak") if data else None), data, sizes, quality, model, device, options)
            return
        if effort:
            _measure_effort(path or Path("kodak"), data, limit, levels, model, device, json_path)
            return
        image = sources.load_rgb(path) if path else speed.generated_image()
        environment = current_environment()
        click.echo(f"{image.width}x{image.height}, {environment.threads} threads, {environment.cpu}")
        stopwatch = Stopwatch()
        codec = peers.CncCodec(model, device, stopwatch=stopwatch)
        measured = speed.measure_speed(codec, image, quality, repeat, stopwatch)
        click.echo(speed.format_speed(measured))
        memory = speed.peak_memory_mib()  # before the peers can raise it
        click.echo("peak memory: " + ("not known here" if memory is None else f"{memory:.0f} MiB"))
        for name in ("avif", "webp", "jpeg") if with_peers else ():
            peer = peers.find_codec(name)
            near = speed.quality_near(peer, image, measured.bpp)
            click.echo(speed.format_ratio(measured, speed.measure_speed(peer, image, near, repeat)))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "image.cnc")
            file.write_bytes(codec.encode(image, quality))
            for label, arguments in (("--help", ["--help"]), ("info", ["info", str(file)])):
                click.echo(f"start-up of cnncompress {label}: {speed.startup_seconds(arguments):.3f} s")
    except CnncompressError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


def _measure_batch(path: Path | None, data: Path | None, count: int, threads: int, options: list[str]) -> None:
    from cnncompress.evaluation import sources
    from cnncompress.evaluation.benchmarks import many_files

    pictures = [] if path is None else [sources.load_rgb(each) for each in sources.find_images([str(path)], data)]
    environment = current_environment()
    click.echo(f"{environment.threads} threads, {environment.cpu}")
    with tempfile.TemporaryDirectory() as name:
        images, outputs = Path(name, "in"), Path(name, "out")
        images.mkdir()
        paths = many_files.make_photographs(images, count, pictures)
        click.echo(many_files.format_batch(many_files.measure_batch(paths, outputs, threads, options)))


def _measure_large(
    path: Path | None, data: Path | None, sizes: str, quality: float, model: str | None, device: str, options: list[str]
) -> None:
    from cnncompress import Codec
    from cnncompress.evaluation import sources
    from cnncompress.evaluation.benchmarks import large_images, speed

    try:
        megapixels = sorted(float(size) for size in sizes.split(","))
    except ValueError:
        raise click.UsageError(f"--sizes is {sizes!r}, expected numbers with commas between them") from None
    if not megapixels[0] > 0:
        raise click.UsageError(f"--sizes is {sizes!r}, expected numbers above 0")
    pictures = [] if path is None else [sources.load_rgb(each) for each in sources.find_images([str(path)], data)]
    environment = current_environment()
    click.echo(f"{environment.threads} threads, {environment.cpu}")
    smallest = None
    for result in large_images.measure_large(megapixels, pictures, quality, options):
        smallest = smallest or result
        click.echo(large_images.format_large(result, smallest))
    codec = Codec(model, device)
    previews = large_images.measure_previews(codec, pictures[:8] or [speed.generated_image()], quality)
    click.echo(large_images.format_previews(previews))
    overhead = large_images.tiling_overhead(large_images.OVERHEAD_MEGAPIXELS, pictures, quality, options)
    click.echo(f"tiles change the size of a file of {large_images.OVERHEAD_MEGAPIXELS:g} MP by {100 * overhead:+.2f} %")


def _measure_effort(
    path: Path,
    data: Path | None,
    limit: int | None,
    levels: str,
    model: str | None,
    device: str,
    json_path: Path | None,
) -> None:
    from tqdm import tqdm

    from cnncompress.evaluation import results, sources
    from cnncompress.evaluation.benchmarks import effort_levels
    from cnncompress.files import check_output

    wanted = effort_levels.parse_levels(levels)
    images = sources.find_images([str(path)], data)
    images = images[:: max(1, len(images) // (limit or len(images)))][:limit]
    if json_path:
        check_output(str(json_path), force=True)
    environment = current_environment()
    click.echo(f"{len(images)} images, {environment.threads} threads, {environment.cpu}")
    measured = results.Results(())
    with tqdm(total=len(wanted) * len(images) * len(effort_levels.QUALITIES), file=sys.stderr) as bar:
        for measured in effort_levels.measure_levels(images, wanted, model=model, device=device, progress=bar.update):
            if json_path:  # after each image, so that an interrupted run keeps what it has
                results.write_results(measured, json_path)
    click.echo(effort_levels.format_levels(effort_levels.level_gains(measured)))


if __name__ == "__main__":
    main()
