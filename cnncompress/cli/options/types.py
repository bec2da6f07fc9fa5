"""click parameter types with their error messages."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from cnncompress.batch.request import Shard
from cnncompress.batch.shards import parse_shard
from cnncompress.bitstream.header import TILE_SIDES, WHOLE
from cnncompress.errors import PlanError

if TYPE_CHECKING:
    _SizeType = click.ParamType[int]
    _TextType = click.ParamType[str]
    _DevicesType = click.ParamType[tuple[str, ...]]
    _StripType = click.ParamType[frozenset[str]]
    _ColourType = click.ParamType[tuple[int, int, int]]
    _AreaType = click.ParamType[tuple[int, int, int, int]]
    _TileType = click.ParamType[int | None]
    _ShardType = click.ParamType[Shard]
    _NamesType = click.ParamType[tuple[str, ...]]
    _QualitiesType = click.ParamType[tuple[float, ...]]
else:  # not generic in older releases of click
    _SizeType = _TextType = _DevicesType = _StripType = _ColourType = _AreaType = _TileType = click.ParamType
    _ShardType = _NamesType = _QualitiesType = click.ParamType

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")
_COLOUR = re.compile(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_AREA = re.compile(r"(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)B?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_DEVICES = ("auto", "cpu", "cuda", "mps")
_NOT_ALONE = ("auto", "cpu", "mps")


def _devices(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in _DEVICES if name.startswith(incomplete)]


class Quality(click.FloatRange):
    """A number ``0 .. 100``; nan, which the comparisons of `click.FloatRange` let pass, is refused."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(0, 100)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail("nan is not in the range 0<=x<=100.", param, ctx)
        return number


class Positive(click.FloatRange):
    """A finite number above 0."""

    name = "number"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Size(_SizeType):
    """A number of bytes, with an optional suffix k, M or G for 10^3, 10^6 or 10^9."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns the number of bytes, at least 1."""
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value))
        count = int(Decimal(match[1]) * _UNITS[match[2].lower()]) if match else 0
        if count < 1:
            self.fail(f"{value!r} is not a size like 5000, 200k or 1.5M.", param, ctx)
        return count


class Device(_TextType):
    """Name of a device; whether the device is available is checked later."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the name."""
        if not isinstance(value, str) or not _DEVICE.fullmatch(value):
            self.fail(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps.", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Returns the devices that fit."""
        return _devices(incomplete)


class Devices(_DevicesType):
    """Name of one device, or names of several GPUs separated by commas."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Returns the names of the devices."""
        if isinstance(value, tuple):
            return value
        names = tuple(Device().convert(name, param, ctx) for name in str(value).split(","))
        if len(names) > 1 and any(name in _NOT_ALONE for name in names):
            self.fail("several devices must all be cuda devices.", param, ctx)
        if len({"cuda:0" if name == "cuda" else name for name in names}) < len(names):
            self.fail("a device is named twice.", param, ctx)
        return names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Returns the devices that fit."""
        return _devices(incomplete)


class Colour(_ColourType):
    """A colour: red, green and blue as hexadecimal digits."""

    name = "#RRGGBB"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """Returns red, green and blue, ``0 .. 255``."""
        if isinstance(value, tuple):
            red, green, blue = value
            return red, green, blue
        match = _COLOUR.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not like #RRGGBB.", param, ctx)
        red, green, blue = (int(digits, 16) for digits in match.groups())
        return red, green, blue


class Area(_AreaType):
    """An area of an image: left, top, width and height in pixels."""

    name = "X,Y,W,H"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int, int, int]:
        """Returns the four numbers; width and height are at least 1."""
        if isinstance(value, tuple):
            x, y, width, height = value
            return x, y, width, height
        match = _AREA.fullmatch(str(value))
        if match is None or 0 in (int(match[3]), int(match[4])):
            self.fail(f"{value!r} is not like X,Y,W,H, four whole numbers of pixels.", param, ctx)
        x, y, width, height = map(int, match.groups())
        return x, y, width, height


class Tile(_TileType):
    """Side of the tiles in pixels, or ``auto``."""

    name = "auto|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Returns the side; None for ``auto``."""
        if value is None or value == "auto":
            return None
        sides = (WHOLE, *TILE_SIDES)
        if str(value) not in map(str, sides):
            self.fail(f"{value!r} is not one of auto, {', '.join(map(str, sides))}.", param, ctx)
        return int(value)


class ShardChoice(_ShardType):
    """The share of one of several tasks: its index and their number, or ``auto``."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Returns the share; ``auto`` reads the environment."""
        if isinstance(value, Shard):
            return value
        try:
            return parse_shard(str(value), os.environ)
        except PlanError as error:
            self.fail(f"{error}.", param, ctx)


class Names(_NamesType):
    """Known names separated by commas; each counts once."""

    name = "list"

    def __init__(self, known: Sequence[str]) -> None:
        self.known = tuple(known)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Returns the names in their order, at least one."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",")))
        for name in names:
            if name not in self.known:
                self.fail(f"{name!r} is not one of {', '.join(self.known)}.", param, ctx)
        return names

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Returns the lists that the last, unfinished name can be completed to."""
        before, comma, last = incomplete.rpartition(",")
        used = before.split(",")
        return [
            CompletionItem(f"{before}{comma}{name}")
            for name in self.known
            if name.startswith(last) and name not in used
        ]


class Strip(_StripType):
    """Kinds of metadata separated by commas, or ``all``."""

    name = "list"

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._names = Names(("all", *kinds))
        self._kinds = kinds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        """Returns the kinds."""
        if isinstance(value, frozenset):
            return value
        names = self._names.convert(value, param, ctx)
        return frozenset(self._kinds if "all" in names else names)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Returns the lists that the last, unfinished name can be completed to."""
        return self._names.shell_complete(ctx, param, incomplete)


class Qualities(_QualitiesType):
    """Qualities ``0 .. 100`` separated by commas."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Returns the qualities, ascending; at least one."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = sorted({float(part) for part in str(value).split(",")})
        except ValueError:
            self.fail(f"{value!r} is not a list like 30,60: numbers with commas between them.", param, ctx)
        if not all(0 <= number <= 100 for number in numbers):
            self.fail(f"{value!r} is not a list of qualities from 0 to 100.", param, ctx)
        return tuple(numbers)
