"""Options about what becomes of an image on its way into the codec."""

from __future__ import annotations

from dataclasses import dataclass

import click

from cnncompress.cli.help import option_group, section
from cnncompress.cli.types import Colour, Strip
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
    """

    strip: frozenset[str]
    strict: bool
    frame: int | None
    no_alpha: bool
    background: tuple[int, int, int] | None

    def settings(self, max_pixels: int, max_dim: int) -> ImageSettings:
        """Returns how images are read."""
        return ImageSettings(
            strip=self.strip,
            strict=self.strict,
            frame=self.frame,
            background=self.background,
            keep_alpha=not self.no_alpha,
            max_pixels=max_pixels,
            max_dim=max_dim,
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
)
