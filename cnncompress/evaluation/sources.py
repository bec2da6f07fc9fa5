"""The images to measure on: files, folders, and names of data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from cnncompress.errors import ImageError, LimitExceeded, UnreadableImage
from cnncompress.images.read import read_image
from cnncompress.images.settings import STRIPPABLE, ImageSettings


def find_images(names: Sequence[str], data: Path | None = None) -> tuple[Path, ...]:
    """Finds the image files of files, folders and data set names.

    Args:
        names: Each a file, a folder (every image directly in it, sorted by name; other files are passed
            over), or where neither exists the name of a folder in ``data/eval``, such as ``kodak``.
        data: Base folder of the data sets.

    Raises:
        UnreadableImage: Nothing of that name, a folder without images, or two images that would share a name.
    """
    paths = [path for name in names for path in _resolve(name, data)]
    if len({image_name(path) for path in paths}) < len(paths):
        raise UnreadableImage("two of the images have the same folder and file name, so rows could not be told apart")
    return tuple(paths)


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
    try:
        source = read_image(path, ImageSettings(strip=frozenset(STRIPPABLE), strict=True))
    except (ImageError, LimitExceeded) as error:
        raise type(error)(f"{path}: {error}") from error
    image = Image.fromarray(source.colour)
    if source.alpha is None:
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=Image.fromarray(source.alpha))
    return white


def _resolve(name: str, data: Path | None) -> list[Path]:
    path = Path(name)
    if not path.exists():
        if data is None:
            raise UnreadableImage(f"no file or folder {name!r} (set CNNCOMPRESS_DATA for names of data sets)")
        path = data / "eval" / name
        if not path.is_dir():
            raise UnreadableImage(f"no file or folder {name!r}, and no data set {path}")
    if not path.is_dir():
        return [path]
    images = [file for file in sorted(path.iterdir()) if file.is_file() and _is_image(file)]
    if not images:
        raise UnreadableImage(f"no images in the folder {path}")
    return images


def _is_image(path: Path) -> bool:
    """Whether a file begins like an image; a damaged one may, and fails when it is loaded."""
    try:
        with Image.open(path):
            return True
    except UnidentifiedImageError:
        return False
    except OSError as error:
        raise UnreadableImage(f"cannot read {path}: {error}") from error
