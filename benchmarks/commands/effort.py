"""What each level of effort saves and takes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cnncompress.cli.exit_codes import working_on
from cnncompress.files.outputs import check_output
from commands import shared


@click.command("effort")
@shared.images_option
@shared.threads_option
@click.option("--levels", default="0,1,2,3,4,5,6,7,8,9", help="Which levels; 0 is always among them.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many, spread evenly.")
@shared.output_option
@shared.force_option
@shared.model_option
@shared.device_option
@shared.data_option
def command(
    source: str | None,
    threads: int,
    levels: str,
    limit: int | None,
    output: Path | None,
    force: bool,
    model: str | None,
    device: str,
    data: Path | None,
) -> None:
    """Code images with each level of effort at four qualities: the rate that it saves and the time that it takes."""
    with shared.measuring(threads):
        import effort_levels
        from tqdm import tqdm

        from cnncompress.evaluation import results, sources

        wanted = effort_levels.parse_levels(levels)
        images = sources.find_sources([source or shared.DATA_SET], data).images
        images = images[:: max(1, len(images) // (limit or len(images)))][:limit]
        if output:
            with working_on(str(output)):
                check_output(str(output), force=force)
        click.echo(f"{len(images)} images, ", nl=False)
        shared.print_machine()
        measured = results.Results(())
        with tqdm(total=len(wanted) * len(images) * len(effort_levels.QUALITIES), file=sys.stderr) as bar:
            for measured in effort_levels.measure_levels(
                images, wanted, model=model, device=device, progress=bar.update
            ):
                if output:  # after each image, so that an interrupted run keeps what it has
                    results.write_results(measured, output)
        click.echo(effort_levels.format_levels(effort_levels.level_gains(measured)))
