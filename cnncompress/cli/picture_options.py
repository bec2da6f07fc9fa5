"""Options about what becomes of an image on its way into the codec."""

from __future__ import annotations

from dataclasses import dataclass, replace

import click

from cnncompress.cli.help import option_group, section
from cnncompress.cli.types import Colour, Strip, Tile
from cnncompress.images.settings import STRIPPABLE, ImageSettings

_option = section("Picture")


@dataclass(frozen=True)
class PictureOptions:
    """What was asked for.

    Attributes:
        strip: ``--strip``.
        strict: ``--strict``.
        frame: ``--frame``.
        no_alpha: ``--no-alpha``.
        background: ``--background``.
        tile: ``--tile``; None to choose.
    """

    strip: frozenset[str]
    strict: bool
    frame: int | None
    no_alpha: bool
    background: tuple[int, int, int] | None
    tile: int | None

    def settings(self, limits: ImageSettings) -> ImageSettings:
        """Returns how images are read.

        Args:
            limits: how large they may be.
        """
        return replace(
            limits,
            strip=self.strip,
            strict=self.strict,
            frame=self.frame,
            background=self.background,
            keep_alpha=not self.no_alpha,
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
