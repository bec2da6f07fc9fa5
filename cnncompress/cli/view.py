"""``cnncompress view``."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncompress.cli.console import printable
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.cli.options.running import device_option, model_option
from cnncompress.cli.pictures import decoded_image
from cnncompress.cli.terminal import is_terminal, status
from cnncompress.errors import OutputError, UnavailableError
from cnncompress.files.kinds import reason
from cnncompress.files.outputs import open_output

if TYPE_CHECKING:
    from PIL import Image

VIEWER_VARIABLE = "CNNCOMPRESS_VIEWER"

_ADVICE = "name another viewer with --viewer"


@click.command("view", cls=SectionCommand, short_help="Open .cnc files in an image viewer.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FileName())
@click.option(
    "--viewer",
    metavar="COMMAND",
    envvar=VIEWER_VARIABLE,
    show_envvar=True,
    help="Program that opens the pictures; by default the desktop's viewer for PNG images.",
)
@model_option()
@device_option
def command(files: tuple[str, ...], viewer: str | None, model: str | None, device: str) -> None:
    """Open .cnc files in an image viewer.

    \b
    Examples:
      cnncompress view photo.cnc
      cnncompress view --viewer gimp photo.cnc

    The pictures are decoded to PNG files in a temporary folder. With --viewer, the folder is removed when COMMAND ends.
    The desktop's viewer may keep running, so its folder stays until the system clears temporary files.
    """
    from cnncompress.codec.cache import CodecCache
    from cnncompress.codec.model_settings import ModelSettings

    try:
        folder = Path(tempfile.mkdtemp(prefix="cnncompress-"))
    except OSError as error:
        raise OutputError(f"temporary folder: {reason(error)}") from error
    stays = False
    try:
        codecs = CodecCache(ModelSettings(model, device))
        with status(shown=is_terminal()) as show:
            pictures = []
            for number, file in enumerate(files):
                show(f"decoding {printable(file)}")
                image = decoded_image(file, codecs)
                pictures.append(str(folder / str(number) / f"{Path(file).stem}.png"))
                _write(image, pictures[-1])
        if viewer is not None:
            _run([*_words(viewer, windows=os.name == "nt"), *pictures])
        else:
            for some in [pictures] if sys.platform == "darwin" else [[picture] for picture in pictures]:
                _open_on_desktop(some)
                stays = True  # whatever the next ones do
    finally:
        if not stays:
            shutil.rmtree(folder, ignore_errors=True)


def _write(image: Image.Image, path: str) -> None:
    with working_on(path), open_output(path, force=False, new_folders=True) as stream:
        image.save(stream, "PNG", compress_level=1)


def _open_on_desktop(pictures: Sequence[str]) -> None:
    """Opens pictures, a single one except on macOS; returns before the viewer has read them."""
    if sys.platform == "win32":
        with _starting(pictures[0]):
            os.startfile(pictures[0])
    else:
        _run(["open" if sys.platform == "darwin" else "xdg-open", *pictures])


def _words(viewer: str, *, windows: bool) -> list[str]:
    """Splits a command as a shell does; on Windows a backslash is part of a path."""
    with _starting(viewer):
        words = shlex.split(viewer, posix=not windows)
    if not words:  # or the first picture would be run as a program
        raise click.UsageError("--viewer names no program.")
    return [word.strip('"') for word in words] if windows else words


def _run(command: Sequence[str]) -> None:
    with _starting(command[0]):
        code = subprocess.run(command, check=False).returncode
    if code:
        raise UnavailableError(f"{command[0]} has failed (exit code {code}); {_ADVICE}")


@contextmanager
def _starting(program: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{program}: {reason(error)}; {_ADVICE}") from error
