"""Options for images: how they are read, and which part of them is decoded."""

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
    """Values of the *Picture* options of ``compress``."""

    strip: frozenset[str]
    strict: bool
    frame: int | None
    no_alpha: bool
    background: tuple[int, int, int] | None
    exact: bool
    tile: int | None

    def settings(self, limits: Limits) -> ImageSettings:
        """Returns the settings for reading images.

        Args:
            limits: How large images may be.
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
        help="Leave out metadata: all, or any of exif,xmp,icc,gps,other; other is what .cnc files cannot store.",
    ),
    _option(
        "--strict",
        is_flag=True,
        help="Refuse images that cannot be kept unchanged (16 bits, CMYK, damage ...), instead of warning.",
    ),
    _option(
        "--frame",
        type=click.IntRange(min=0),
        metavar="N",
        help="Frame of an animation or page of a document, counted from 0.",
    ),
    _option(
        "--no-alpha", is_flag=True, help="Remove transparency; the background is white unless --background is given."
    ),
    _option("--background", type=Colour(), help="Blend transparent images with this colour."),
    _option(
        "--exact",
        is_flag=True,
        help="Keep the colours of fully transparent pixels; by default they are filled smoothly.",
    ),
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
    """Values of the *Picture* options of ``decompress``."""

    crop: tuple[int, int, int, int] | None
    scale: str
    keep_going: bool

    @property
    def view(self) -> View:
        """View of the images to decode.

        Raises:
            click.UsageError: Both an area and a scale are given.
        """
        factor = _FACTORS[self.scale]
        if self.crop is not None and factor != 1:
            raise click.UsageError("--crop and --scale exclude each other.")
        return View(self.crop, factor)


region_options = option_group(
    "region",
    RegionOptions,
    _option(
        "--crop",
        type=Area(),
        help="Decode only this area; if the image has tiles, only those needed for it.",
    ),
    _option(
        "--scale",
        brief=True,
        type=click.Choice(list(_FACTORS)),
        default="1",
        show_default=True,
        help="Write a smaller image; takes about half the time.",
    ),
    _option(
        "--keep-going",
        is_flag=True,
        help="Write the intact parts of a damaged file, with gray for missing tiles; the exit code is still not 0.",
    ),
)
