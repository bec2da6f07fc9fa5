"""Options that several commands share."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")


class Quality(click.FloatRange):
    """A number from 0 to 100, without nan, which passes every comparison of a range."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(0, 100)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail("nan is not in the range 0<=x<=100.", param, ctx)
        return number


if TYPE_CHECKING:
    _TextType = click.ParamType[str]
else:
    _TextType = click.ParamType  # not generic in older releases of click


class Device(_TextType):
    """A device's name; whether it is there is found out later."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the name."""
        if not isinstance(value, str) or not _DEVICE.fullmatch(value):
            self.fail(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps.", param, ctx)
        return value


quality_option = click.option(
    "-q",
    "--quality",
    type=Quality(),
    default=60.0,
    show_default=True,
    help="From 0 (smallest file) to 100 (best picture).",
)
device_option = click.option(
    "--device",
    type=Device(),
    default="auto",
    show_default=True,
    help="Where to run: auto, cpu, cuda, cuda:N or mps.",
)
model_option = click.option("--model", metavar="NAME|PATH", help="Which model, or the path of a weights file.")
force_option = click.option("-f", "--force", is_flag=True, help="Replace OUTPUT if it exists.")
