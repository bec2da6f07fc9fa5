"""Training images: decoded once into memory."""

from __future__ import annotations

import itertools
import tarfile
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from cnncompress.errors import ImageError, LimitExceeded, UnreadableImage
from cnncompress.files.kinds import reason
from cnncompress.images.formats import is_image_ending
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings

MIN_SIDE = 64

_SETTINGS = ImageSettings(frame=0, keep_alpha=False)


def _decode(name: str, data: bytes | UnreadableImage) -> Tensor | UnreadableImage:
    if isinstance(data, UnreadableImage):
        return data
    try:
        image = read_image(data, _SETTINGS)
    except (ImageError, LimitExceeded) as error:
        return UnreadableImage(f"{name}: {error}")
    return torch.from_numpy(image.colour).permute(2, 0, 1).contiguous()


def _members(source: Path) -> Iterator[tuple[str, bytes | UnreadableImage]]:
    """Yields names and contents of the images of a source; in place of a content, the error why it cannot be read."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() == ".tar":
                yield from _members(path)
            elif is_image_ending(path.suffix[1:]) and not path.is_dir():
                yield path.relative_to(source).as_posix(), _read(path)
    elif source.suffix.lower() == ".tar":
        try:
            with tarfile.open(source) as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.isfile() else None
                    if file is not None and is_image_ending(Path(member.name).suffix[1:]):
                        yield member.name, file.read()
        except (OSError, tarfile.TarError) as error:
            yield source.name, UnreadableImage(f"{source}: {reason(error).splitlines()[0]}")
    else:
        yield source.name, _read(source)


def _read(path: Path) -> bytes | UnreadableImage:
    try:
        return path.read_bytes()
    except OSError as error:
        return UnreadableImage(f"{path}: {reason(error)}")


def load_images(
    sources: Sequence[Path], on_error: Callable[[UnreadableImage], None] | None = None
) -> dict[str, Tensor]:
    """Decodes all images of files, folders and tar archives.

    Args:
        sources: Image files, tars of images, or folders that are searched for both, recursively.
        on_error: Called for each image or tar that cannot be read, which is left out then; without it the first error
            is raised.

    Returns:
        uint8 ``[3, H, W]`` by path within its folder or tar, sorted; images with a side below 64 pixels are left out.
        Where two sources have the same path, the second one's gets `` (2)`` behind it, and so on.

    Raises:
        UnreadableImage: A source does not exist, an image cannot be decoded, or there is none.
    """
    for source in sources:
        if not source.exists():
            raise UnreadableImage(f"{source}: no such file or folder")
    images: dict[str, Tensor] = {}
    with ThreadPoolExecutor() as pool:
        pairs = [(name, data) for source in sources for name, data in _members(source)]
        decoded = pool.map(_decode, (name for name, _ in pairs), (data for _, data in pairs))
        for (name, _), image in zip(pairs, decoded, strict=True):
            if isinstance(image, Tensor):
                if min(image.shape[1:]) >= MIN_SIDE:
                    images[_distinct(name, images)] = image
            elif on_error is None:
                raise image
            else:
                on_error(image)
    if not images:
        raise UnreadableImage("no images of at least 64x64 pixels among the sources")
    return dict(sorted(images.items()))


def _distinct(name: str, taken: Container[str]) -> str:
    names = itertools.chain([name], (f"{name} ({number})" for number in itertools.count(2)))
    return next(each for each in names if each not in taken)


def hold_out(images: dict[str, Tensor], names: Container[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Splits images by name: returns the training images and the held-out ones."""
    return (
        {name: image for name, image in images.items() if name not in names},
        {name: image for name, image in images.items() if name in names},
    )


def middle(image: Tensor, side: int) -> Tensor:
    """Returns the middle of ``[3, H, W]``, at most ``side`` pixels high and wide."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[1:])
    return image[:, top : top + side, left : left + side]


def split_held_out(images: dict[str, Tensor], count: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Takes images out for validation, evenly over the sorted names.

    Args:
        images: All images by name.
        count: How many to hold out; fewer, where that would be more than a tenth.

    Returns:
        Training images and held-out images.
    """
    count = min(count, len(images) // 10)
    names = sorted(images)
    held_out = {names[(2 * i + 1) * len(names) // (2 * count)] for i in range(count)}
    return hold_out(images, held_out)
