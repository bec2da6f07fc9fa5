"""The images to measure on: files, folders, and names of data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cnncompress.errors import UnreadableImage
from cnncompress.files.kinds import reason
from cnncompress.images.formats import is_image_ending
from cnncompress.images.kinds import kind_of
from cnncompress.images.read import read_image
from cnncompress.images.settings import STRIPPABLE, ImageSettings
from cnncompress.named_errors import naming

_SETTINGS = ImageSettings(strip=frozenset(STRIPPABLE), strict=True, keep_alpha=False)


@dataclass(frozen=True)
class Sources:
    """Files of which images are read.

    Attributes:
        images: Images, some of which may be damaged.
        others: Files in folders that are not images, or images of a format that is not read.
    """

    images: tuple[Path, ...]
    others: tuple[Path, ...]


def find_sources(names: Sequence[str], data: Path | None = None) -> Sources:
    """Finds the files of files, folders and data set names.

    Args:
        names: Each a file, a folder (every file directly in it, sorted by name), or where neither exists the name of a
            folder in ``data/eval``, such as ``kodak``.
        data: Base folder of the data sets.

    Raises:
        UnreadableImage: Nothing has such a name, a folder has no images, or two images would share a name.
    """
    found = [_resolve(name, data) for name in names]
    images = tuple(path for each in found for path in each.images)
    if len({image_name(path) for path in images}) < len(images):
        raise UnreadableImage("two of the images have the same folder and file name, so rows could not be told apart")
    return Sources(images, tuple(path for each in found for path in each.others))


def image_name(path: Path) -> str:
    """Returns the name of an image in results: its folder and file name, the same on every machine."""
    return f"{path.resolve().parent.name}/{path.name}"


def load_rgb(path: Path) -> Image.Image:
    """Loads an image as 8-bit RGB, upright.

    Transparency is composited over white: every codec is then given the same opaque pixels, whether it can
    carry alpha or not. Colour profiles, comments and other metadata are left behind: they would cost some codecs
    bytes and not others, and the metrics compare stored values.

    Raises:
        ImageError: Missing, damaged, or of a kind that the codec does not carry.
        LimitExceeded: Too many pixels.
    """
    with naming(path):
        return Image.fromarray(read_image(path, _SETTINGS).colour)


def _resolve(name: str, data: Path | None) -> Sources:
    path = Path(name)
    if not path.exists():
        if data is None:
            raise UnreadableImage(f"no file or folder {name!r} (set CNNCOMPRESS_DATA for names of data sets)")
        path = data / "eval" / name
        if not path.is_dir():
            raise UnreadableImage(f"no file or folder {name!r}, and no data set {path}")
    if not path.is_dir():
        return Sources((path,), ())
    try:
        files = [file for file in sorted(path.iterdir()) if file.is_file()]
    except OSError as error:
        raise UnreadableImage(f"{path}: {reason(error)}") from error
    images = tuple(filter(_is_image, files))
    if not images:
        raise UnreadableImage(f"no images in the folder {path}")
    return Sources(images, tuple(file for file in files if file not in images))


def _is_image(path: Path) -> bool:
    """Whether a file has the first bytes of an image or the ending of one; whether it can be read shows when it is."""
    try:
        with path.open("rb") as stream:
            kind, foreign = kind_of(stream)
    except OSError:
        return True
    return foreign is None and ((kind is not None and kind != "cnc") or is_image_ending(path.suffix[1:]))
