"""Options about what becomes of an image on its way into the codec, and what of it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

import click

from cnncompress.cli.options.groups import option_group, section
from cnncompress.cli.options.types import Area, Colour, Strip, Tile
from cnncompress.images.limits import Limits
from cnncompress.images.settings import STRIPPABLE, ImageSettings
from cnncompress.images.view import View

_option = section("Picture")

_FACTORS = {"1": 1, "1/2": 2, "1/4": 4, "1/8": 8}


@dataclass(frozen=True)
class PictureOptions:
    """Values of the *Picture* options."""

    strip: frozenset[str]
    strict: bool
    frame: int | None
    no_alpha: bool
    background: tuple[int, int, int] | None
    tile: int | None

    def settings(self, limits: Limits) -> ImageSettings:
        """Returns how images are read.

        Args:
            limits: how large they may be.
        """
        return ImageSettings(
            strip=self.strip,
            strict=self.strict,
            frame=self.frame,
            background=self.background,
            keep_alpha=not self.no_alpha,
            limits=limits,
        )


picture_options = option_group(
    "picture",
    PictureOptions,
    _option(
        "--strip",
        type=Strip(STRIPPABLE),
        default=frozenset(),
        help="Leave out metadata: all, or any of exif,xmp,icc,gps.",
    ),
    _option("--strict", is_flag=True, help="Refuse images that cannot be kept as they are, instead of warning."),
    _option("--frame", type=click.IntRange(min=0), metavar="N", help="Which picture of an animation, counted from 0."),
    _option("--no-alpha", is_flag=True, help="Drop transparency; on white without --background."),
    _option("--background", type=Colour(), help="Put transparent images on this colour."),
    _option(
        "--tile",
        type=Tile(),
        default="auto",
        show_default=True,
        help="Side of the tiles of large images: 64, 128, .. 16384, or 0 for one tile; auto: 1024 above 2 megapixels.",
    ),
)


@dataclass(frozen=True)
class RegionOptions:
    """Values of the *Picture* options."""

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
