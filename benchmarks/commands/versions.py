"""Another checkout, this one and other programs side by side."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from cnncompress.cli.exit_codes import working_on
from cnncompress.files.outputs import check_output
from commands import shared


@click.command("versions")
@click.option("--before", required=True, type=click.Path(path_type=Path), help="Another checkout.")
@click.option("--image", "path", type=click.Path(path_type=Path), help="A photograph  [default: 768x512, generated]")
@click.option("--images", "source", metavar="PATH|NAME", help="What many images are cut out of  [default: kodak]")
@shared.quality_option
@click.option("--threads", default=2, help="Processors that everything is held to.")
@click.option("--repeat", default=7, type=click.IntRange(min=1), help="Timed runs of the photograph; medians count.")
@click.option("--many-repeat", default=1, type=click.IntRange(min=1), help="Timed runs over many images.")
@click.option("--photographs", default=48, type=click.IntRange(min=0), help="How many in one run.")
@click.option("--small", default=2000, type=click.IntRange(min=0), help="How many small images in one run.")
@click.option(
    "--side", "sides", default=(256,), multiple=True, type=click.IntRange(min=1), help="Of small images; repeatable."
)
@shared.output_option
@shared.force_option
@shared.model_option
@shared.data_option
def command(
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
    output: Path | None,
    force: bool,
    model: str | None,
    data: Path | None,
) -> None:
    """Measure another checkout, this one and other programs side by side, on the CPU; print a table in Markdown."""
    if not before.is_dir():
        raise click.BadParameter(f"{before} is no folder", param_hint="--before")
    with shared.measuring(threads), tempfile.TemporaryDirectory() as name:
        import versions

        from cnncompress.evaluation import sources, speed

        if output:
            with working_on(str(output)):
                check_output(str(output), force=force)
        pictures = shared.load_pictures(source, data)
        image = sources.load_rgb(path) if path else speed.generated_image()
        folder, photograph = Path(name), Path(name, "photograph.png")
        image.save(photograph)
        settings = versions.Settings(quality, model, threads, repeat, many_repeat, photographs, small, sides)
        programs = versions.find_programs(before, photograph, folder, settings)
        title = f"{path.name if path else 'a generated image'}, {image.width}x{image.height}"
        report = versions.new_report(title, programs, settings)
        for row in versions.measure_versions(programs, photograph, pictures, folder, settings):
            report.rows.append(row)
            click.echo(versions.format_row(row, report), err=True)
            if output:
                versions.write_report(report, output)
        click.echo(versions.format_report(report))
