"""An image as the codec takes it: planes, and what travels along."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from cnncompress.bitstream.ancillary import Metadata
from cnncompress.bitstream.container import Layout

Plane: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SourceImage:
    """The planes of a picture, upright.

    Attributes:
        colour: uint8 [H, W, 3], R'G'B'; a gray picture has the same plane three times.
        alpha: uint8 [H, W], 255 is opaque; None if the layout has no alpha.
        layout: what the planes are.
        metadata: colour profile, EXIF and XMP.
        losses: one line for each thing that the planes and the metadata cannot carry.
        is_graphic: whether it has one bit a sample or a palette: a drawing more often than a photograph.
        withheld: whether the settings took something away, so that the original file would say too much.
    """

    colour: Plane
    alpha: Plane | None
    layout: Layout
    metadata: Metadata = Metadata()  # noqa: RUF009 - frozen
    losses: tuple[str, ...] = ()
    is_graphic: bool = False
    withheld: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.colour.shape[:2]
        return width, height


ImageSource: TypeAlias = SourceImage | Image.Image | Plane | bytes | str | os.PathLike[str]
"""A picture: read already, in Pillow's hands, an array, the bytes of a file, or its path."""
