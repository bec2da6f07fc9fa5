"""Opens files of images, and checks what shows before their pixels are decoded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO

from PIL import Image

from cnncompress.errors import UnreadableImage, UnsupportedImage
from cnncompress.images.deep_samples import has_deep_samples
from cnncompress.images.fields.findings import Fields
from cnncompress.images.formats import SNIFFED_BYTES, foreign_format, sniff
from cnncompress.images.guard import INPUT_FORMATS, decoder_errors
from cnncompress.images.mending import mended
from cnncompress.images.modes import CONVERTED_MODES, check_mode
from cnncompress.images.pillow_limit import limit_lifted
from cnncompress.images.settings import ImageSettings
from cnncompress.units import plural


@contextlib.contextmanager
def opened(stream: IO[bytes], fields: Fields, settings: ImageSettings) -> Iterator[tuple[Image.Image, IO[bytes]]]:
    """Opens a file with Pillow for the body.

    Args:
        stream: The file, at its beginning.
        fields: What its fields say.
        settings: How to read the image.

    Yields:
        The opened image and the file that it is read from, which may be a mended copy.

    Raises:
        UnreadableImage: It is not an image in a supported format.
        UnsupportedImage: It is an image of a kind that is not supported.
        LimitExceeded: The image is larger than the settings allow.
    """
    if fields.refusal is not None:
        raise UnsupportedImage(f"{fields.refusal} is not supported")
    foreign = foreign_format(stream.read(SNIFFED_BYTES))
    stream.seek(0)
    if foreign is not None:
        raise UnsupportedImage(f"{foreign} is not supported")
    source = mended(stream, fields, settings.limits)
    with limit_lifted():
        try:
            image = Image.open(source, formats=INPUT_FORMATS)
        except (MemoryError, UnreadableImage):
            raise
        except Exception as error:  # see decoder_errors
            if fields.kind is not None:
                raise UnsupportedImage(f"{fields.kind} is not supported") from error
            raise UnreadableImage("not an image in a supported format") from error
    with image:
        settings.limits.check_size(image.width, image.height)
        yield image, source


def check_start(start: bytes) -> None:
    """Checks whether a file can be one of an image, by its first bytes.

    Args:
        start: At least `cnncompress.images.formats.SNIFFED_BYTES` of them, unless the file is shorter.

    Raises:
        UnreadableImage: It is not an image in a supported format.
        UnsupportedImage: It is an image in a format that is known and not supported.
    """
    foreign = foreign_format(start)
    if foreign is not None:
        raise UnsupportedImage(f"{foreign} is not supported")
    if sniff(start) is None:
        raise UnreadableImage("not an image in a supported format")


def header_losses(image: Image.Image, stream: IO[bytes], fields: Fields) -> tuple[str, ...]:
    """Returns a line for each loss and each damage that shows before an image is decoded.

    Args:
        image: The opened file.
        stream: The file.
        fields: What its fields say.

    Raises:
        UnsupportedImage: The mode of the image is not supported.
        UnreadableImage: The file is damaged.
    """
    with decoder_errors("the image is damaged"):
        deep = has_deep_samples(image, stream)
    lines = [f"more than 8 bits a sample (mode {image.mode}) are reduced to 8"] if deep else []
    if image.mode in CONVERTED_MODES:
        lines.append(f"{image.mode} is converted to RGB")
    else:
        check_mode(image.mode)
    return (*lines, *fields.losses, *fields.damage)


def check_frame(image: Image.Image, frame: int | None) -> None:
    """Checks that the file has the chosen frame, or that no choice is needed.

    Args:
        image: The opened file.
        frame: The chosen frame, counted from 0; None if none is chosen.

    Raises:
        UnreadableImage: The file is damaged.
        UnsupportedImage: The file has several frames and none is chosen, or it does not have the chosen one.
    """
    with decoder_errors("the image is damaged"):
        animated = getattr(image, "is_animated", False)
        frames = int(getattr(image, "n_frames", 1)) if frame else 1
    if frame is None:
        # An MPO file is a JPEG photograph followed by previews or a second view; viewers show the first image.
        if animated and image.format != "MPO":
            raise UnsupportedImage(f"more than one frame ({image.format}), and none is chosen; --frame N chooses one")
    elif frame >= max(frames, 1):
        raise UnsupportedImage(f"no frame {frame}: the file has {plural(frames, 'frame')}, counted from 0")
