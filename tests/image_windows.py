"""Windows of images: parts with the margins that networks see around them."""

from __future__ import annotations

from cnncompress.model.receptive_field import Margin, Margins


def window_of(
    core: tuple[int, int, int, int], margin: int, image: tuple[int, int]
) -> tuple[Margins, tuple[slice, slice]]:
    """Margins of a window that is cut out of an image, and where that is.

    Args:
        core: Left, top, right and bottom.
        margin: Elements on each side, less where the image ends.
        image: Rows and columns.
    """
    left, top, right, bottom = core
    outer = max(0, left - margin), max(0, top - margin), min(image[1], right + margin), min(image[0], bottom + margin)
    margins = Margins(
        Margin(left - outer[0], outer[0] == 0),
        Margin(top - outer[1], outer[1] == 0),
        Margin(outer[2] - right, outer[2] == image[1]),
        Margin(outer[3] - bottom, outer[3] == image[0]),
    )
    return margins, (slice(outer[1], outer[3]), slice(outer[0], outer[2]))
