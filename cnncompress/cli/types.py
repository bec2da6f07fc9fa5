"""Types of option values, with the messages for what is none."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _TextType = click.ParamType[str]
    _DevicesType = click.ParamType[tuple[str, ...]]
    _StripType = click.ParamType[frozenset[str]]
    _ColourType = click.ParamType[tuple[int, int, int]]
else:  # not generic in older releases of click
    _TextType = _DevicesType = _StripType = _ColourType = click.ParamType

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")
_COLOUR = re.compile(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_NOT_ALONE = ("auto", "cpu", "mps")


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


class Device(_TextType):
    """A device's name; whether it is there is found out later."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the name."""
        if not isinstance(value, str) or not _DEVICE.fullmatch(value):
            self.fail(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps.", param, ctx)
        return value


class Devices(_DevicesType):
    """One device's name, or several GPUs with commas between them."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Returns the names."""
        if isinstance(value, tuple):
            return value
        names = tuple(Device().convert(name, param, ctx) for name in str(value).split(","))
        if len(names) > 1 and any(name in _NOT_ALONE for name in names):
            self.fail("only cuda devices can share a run.", param, ctx)
        if len({"cuda:0" if name == "cuda" else name for name in names}) < len(names):
            self.fail("a device is named twice.", param, ctx)
        return names


class Strip(_StripType):
    """Kinds of metadata, with commas between them, or ``all``."""

    name = "list"

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """Returns the kinds."""
        if isinstance(value, frozenset):
            return value
        names = frozenset(str(value).split(","))
        for name in sorted(names - {"all", *self._kinds}):
            self.fail(f"{name!r} is not one of all, {', '.join(self._kinds)}.", param, ctx)
        return frozenset(self._kinds) if "all" in names else names


class Colour(_ColourType):
    """Red, green and blue in hexadecimal digits."""

    name = "#RRGGBB"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """Returns the three values, 0..255."""
        if isinstance(value, tuple):
            red, green, blue = value
            return red, green, blue
        match = _COLOUR.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not like #RRGGBB.", param, ctx)
        red, green, blue = (int(digits, 16) for digits in match.groups())
        return red, green, blue


class Threads(click.IntRange):
    """A number of threads, 0 for one a core."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(min=0)
