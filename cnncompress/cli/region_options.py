"""Options about what of an image is decoded."""

from __future__ import annotations

from dataclasses import dataclass

import click

from cnncompress.cli.help import option_group, section
from cnncompress.cli.types import Area
from cnncompress.images.view import View

_option = section("Picture")

_FACTORS = {"1": 1, "1/2": 2, "1/4": 4, "1/8": 8}


@dataclass(frozen=True)
class RegionOptions:
    """What was asked for.

    Attributes:
        crop: ``--crop``: left, top, width and height.
        scale: ``--scale``.
        keep_going: ``--keep-going``.
    """

    crop: tuple[int, int, int, int] | None
    scale: str
    keep_going: bool

    @property
    def view(self) -> View:
        """What is wanted of images.

        Raises:
            click.UsageError: two things that exclude each other.
        """
        factor = _FACTORS[self.scale]
        if self.crop is not None and factor != 1:
            raise click.UsageError("--crop and --scale exclude each other.")
        return View(self.crop, factor)


region_options = option_group(
    "region",
    RegionOptions,
    _option("--crop", type=Area(), help="Only these pixels; of large images no more than is needed is decoded."),
    _option(
        "--scale",
        type=click.Choice(list(_FACTORS)),
        default="1",
        show_default=True,
        help="A smaller picture, in about half the time.",
    ),
    _option(
        "--keep-going",
        is_flag=True,
        help="Write what is left of a damaged file, gray where tiles are missing; still an error.",
    ),
)
