"""An image as the input of the codec: planes and metadata."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from cnncompress.bitstream.ancillary import Metadata
from cnncompress.bitstream.container import Layout

Plane: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SourceImage:
    """An upright image that has been read.

    Attributes:
        colour: Colour planes R'G'B', uint8 ``[H, W, 3]``; the same plane three times for a gray image.
        alpha: Alpha plane, uint8 ``[H, W]``, 255 is opaque; None if the layout has no alpha.
        layout: Layout of the planes.
        metadata: Colour profile, EXIF and XMP.
        losses: One line for each property of the image that planes and metadata cannot represent.
        damage: One line for each defect of the file that its decoder has repaired.
        is_graphic: Whether the image has one bit per sample or a palette, as drawings have more often than photographs.
        withheld: Whether the settings removed something from the image that its original file would still disclose.
    """

    colour: Plane
    alpha: Plane | None
    layout: Layout
    metadata: Metadata = Metadata()  # noqa: RUF009 - frozen
    losses: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    is_graphic: bool = False
    withheld: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.colour.shape[:2]
        return width, height


ImageSource: TypeAlias = SourceImage | Image.Image | Plane | bytes | str | os.PathLike[str] | IO[bytes]
"""An image: one that has been read, a Pillow image, an array, or a file by its bytes, its path or a binary stream."""


def gray_as_rgb(gray: Plane) -> Plane:
    """Returns a gray plane ``[H, W]`` as three equal ones, ``[H, W, 3]``."""
    return gray[..., None].repeat(3, axis=2)
