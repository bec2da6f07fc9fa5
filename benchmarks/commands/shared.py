"""Options and steps that the commands have in common.

What measures is imported inside `measuring`, after the threads are limited: the codecs' libraries count processors when
they are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncompress.cli.exit_codes import exit_codes
from cnncompress.evaluation.environment import current_environment, limit_threads

if TYPE_CHECKING:
    from PIL import Image

DATA_SET = "kodak"

quality_option = click.option("--quality", default=50.0, type=click.FloatRange(0, 100), help="Quality of cnc.")
threads_option = click.option("--threads", default=1, help="Threads that every codec is held to.")
model_option = click.option("--model", metavar="NAME|PATH", help="Weights instead of the default model.")
device_option = click.option("--device", default="auto", help="Where cnc runs.")
images_option = click.option(
    "--image", "source", metavar="PATH|NAME", help="Image, folder, or name of a data set  [default: kodak]"
)
data_option = click.option(
    "--data", envvar="CNNCOMPRESS_DATA", type=click.Path(path_type=Path), help="Folder of data sets."
)
output_option = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="JSON file to write the results to, as they come."
)
force_option = click.option("-f", "--force", is_flag=True, help="Replace the output if it exists.")


@contextmanager
def measuring(threads: int) -> Iterator[None]:
    """Limits the threads of this process; turns errors in the body into one line and an exit code."""
    try:
        limit_threads(threads)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with exit_codes():
        yield


def load_pictures(source: str | None, data: Path | None) -> list[Image.Image]:
    """Returns the images to make others of: those asked for, or the data set; none without a folder of data sets."""
    from cnncompress.evaluation import sources

    if source is None and data is None:
        return []
    return [sources.load_rgb(path) for path in sources.find_sources([source or DATA_SET], data).images]


def run_options(model: str | None, device: str) -> list[str]:
    """Returns the options of ``cnncompress compress`` for a model and a device."""
    return ["--device", device, *([] if model is None else ["--model", model])]


def print_machine() -> None:
    """Prints threads and processor."""
    environment = current_environment()
    click.echo(f"{environment.threads} threads, {environment.cpu}")
