"""``cnncompress view``."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnncompress.batch.cnc_files import read_cnc
from cnncompress.cli.console import say
from cnncompress.cli.exit_codes import working_on
from cnncompress.cli.options.completing import FileName
from cnncompress.cli.options.groups import SectionCommand
from cnncompress.cli.options.running import device_option, model_option
from cnncompress.cli.terminal import is_terminal, status
from cnncompress.errors import UnavailableError
from cnncompress.files.kinds import reason
from cnncompress.images.limits import Limits

if TYPE_CHECKING:
    from cnncompress.codec.cache import CodecCache

VIEWER_VARIABLE = "CNNCOMPRESS_VIEWER"


@click.command("view", cls=SectionCommand, short_help="Open .cnc files in an image viewer.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FileName())
@click.option(
    "--viewer",
    metavar="COMMAND",
    envvar=VIEWER_VARIABLE,
    show_envvar=True,
    help="Program that opens the pictures; by default the desktop's viewer for PNG images.",
)
@model_option("Model of the files, if it is not installed.")
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

    folder = Path(tempfile.mkdtemp(prefix="cnncompress-"))
    stays = False
    try:
        codecs = CodecCache(model, device, Limits())
        with status(shown=is_terminal()) as show:
            pictures = []
            for number, file in enumerate(files):
                show(f"decoding {file}")
                pictures.append(_decoded(file, folder / str(number), codecs))
        stays = viewer is None
        _open(pictures, viewer)
    finally:
        if not stays:
            shutil.rmtree(folder, ignore_errors=True)


def _decoded(file: str, folder: Path, codecs: CodecCache) -> str:
    """Writes the picture of a file below a folder of its own, and returns its path."""
    from cnncompress.codec.unpacking import parse

    with working_on(file):
        decoded = codecs.decode(parse(read_cnc(file, codecs.limits)))
        for loss in decoded.feature_losses:
            say("warning", f"{file}: {loss}")
    folder.mkdir()
    path = folder / f"{Path(file).stem}.png"
    decoded.image.save(path, "PNG", compress_level=1)
    return str(path)


def _open(pictures: Sequence[str], viewer: str | None) -> None:
    if viewer is not None:
        _run([*shlex.split(viewer), *pictures])
    elif sys.platform == "win32":
        for picture in pictures:
            os.startfile(picture)
    elif sys.platform == "darwin":
        _run(["open", *pictures])
    else:
        for picture in pictures:
            _run(["xdg-open", picture])


def _run(command: list[str]) -> None:
    advice = "name another viewer with --viewer"
    try:
        code = subprocess.run(command, check=False).returncode
    except (OSError, ValueError, IndexError) as error:
        raise UnavailableError(f"{' '.join(command[:1])}: {reason(error)}; {advice}") from error
    if code:
        raise UnavailableError(f"{command[0]} has failed (exit code {code}); {advice}")
