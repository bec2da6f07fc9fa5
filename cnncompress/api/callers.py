"""Warnings in the name of whoever called the package. Nothing below the Python interface warns."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import PIL
from PIL import Image

from cnncompress.codec.unpacking import Decoded
from cnncompress.errors import FeatureLoss, PartLost
from cnncompress.images.read import read_image
from cnncompress.images.settings import ImageSettings
from cnncompress.images.source import ImageSource, SourceImage
from cnncompress.named_errors import naming

_NOT_CALLERS = (f"{Path(__file__).parents[1]}{os.sep}", f"{Path(PIL.__file__).parent}{os.sep}")


def warn_caller(category: type[Warning], messages: Iterable[str]) -> None:
    """Warns in the name of the line that called this package, however far up it is; Pillow's lines do not count."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_CALLERS):
        frame, level = frame.f_back, level + 1
    for message in messages:
        warnings.warn(message, category, stacklevel=level)


def read_with_warnings(image: ImageSource, settings: ImageSettings) -> SourceImage:
    """Reads an image, and warns the caller of what is lost or damaged; errors as for `read_image`, with its name."""
    with naming(image):
        planes = read_image(image, settings)
    if planes is not image:
        warn_caller(FeatureLoss, planes.losses)
        warn_caller(PartLost, planes.damage)
    return planes


def image_with_warnings(decoded: Decoded) -> Image.Image:
    """Returns a decoded image, after warning the caller of what is lost or missing."""
    warn_caller(FeatureLoss, decoded.feature_losses)
    warn_caller(PartLost, decoded.parts_lost)
    return decoded.image
