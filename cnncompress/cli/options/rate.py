"""Options for rate and quality: a quality or a target for the file, and the effort spent on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import click

from cnncompress.cli.options.groups import given_options, option_group, refuse_together, section
from cnncompress.cli.options.types import Positive, Quality, Size
from cnncompress.codec.encode_settings import CodingChoice
from cnncompress.codec.refinement.levels import MAX_EFFORT
from cnncompress.codec.targets import Target, TargetBpp, TargetPsnr, TargetSize
from cnncompress.units import Hundredths, hundredths_of

_option = section("Rate and quality")


@dataclass(frozen=True)
class RateOptions:
    """Values of the *Rate and quality* options."""

    quality: float
    bpp: float | None
    target_size: int | None
    target_psnr: float | None
    coding: CodingChoice
    lossless: bool
    effort: int

    def check(self, ctx: click.Context) -> None:
        """Checks that the options can be combined.

        Args:
            ctx: Context of the command.

        Raises:
            click.UsageError: Several of quality, targets and lossless are given, or lossless with coding or effort.
        """
        refuse_together(ctx, ("quality", "bpp", "target_size", "target_psnr", "lossless"))
        refuse_together(ctx, ("coding", "lossless"))
        refuse_together(ctx, ("effort", "lossless"))
        ignored = {"lossless": ("quality", "bpp", "target_size", "target_psnr", "effort"), "avif": ("effort",)}
        for option in given_options(ctx, ignored.get(self.coding, ())):
            raise click.UsageError(f"--coding {self.coding} and {option} exclude each other.")

    @property
    def chosen_coding(self) -> CodingChoice:
        """How to code images; ``auto`` to choose for each image."""
        return "lossless" if self.lossless else self.coding

    @property
    def wanted(self) -> Hundredths | Target:
        """Quality, or the target for which a quality is searched."""
        if self.bpp is not None:
            return TargetBpp(self.bpp)
        if self.target_size is not None:
            return TargetSize(self.target_size)
        return hundredths_of(self.quality) if self.target_psnr is None else TargetPsnr(self.target_psnr)


rate_options = option_group(
    "rate",
    RateOptions,
    _option(
        "-q",
        "--quality",
        brief=True,
        type=Quality(),
        default=60,
        show_default=True,
        help="0 (smallest file) to 100 (best image).",
    ),
    _option("--bpp", type=Positive(), metavar="F", help="Maximum rate of the whole file, in bits per pixel."),
    _option(
        "--target-size", type=Size(), metavar="N[k|M]", brief=True, help="Maximum size of the whole file, in bytes."
    ),
    _option("--target-psnr", type=Positive(), metavar="F", help="Minimum peak signal-to-noise ratio, in dB."),
    _option(
        "--lossless",
        is_flag=True,
        brief=True,
        help="Keep every pixel unchanged, as lossless WebP data; needs no model.",
    ),
    _option(
        "--coding",
        type=click.Choice(get_args(CodingChoice)),
        default="auto",
        show_default=True,
        help="How to code images; auto: learned (the model) for photographs, the best one for screenshots and plots.",
    ),
    _option(
        "-e",
        "--effort",
        brief=True,
        type=click.IntRange(0, MAX_EFFORT),
        metavar="N",
        default=0,
        show_default=True,
        help=f"From 0 (fastest) to {MAX_EFFORT} (smallest file); Ctrl-C writes the best so far.",
    ),
)
