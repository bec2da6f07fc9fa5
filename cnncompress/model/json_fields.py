"""Fields of JSON objects, checked one by one; those of newer versions, which nobody asks for, do not matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """What a value must be.

    Attributes:
        name: For messages.
        fits: Whether a value is of the kind.
    """

    name: str
    fits: Callable[[Any], bool]


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _all(value: object, fits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(map(fits, value))


TEXT = Kind("text", lambda value: isinstance(value, str))
NUMBER = Kind("a number", _is_number)
WHOLE_NUMBER = Kind("a whole number", lambda value: isinstance(value, int) and _is_number(value))
TEXTS = Kind("a list of texts", lambda value: _all(value, TEXT.fits))
NUMBERS = Kind("a list of numbers", lambda value: _all(value, _is_number))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
OBJECTS = Kind("a list of objects", lambda value: _all(value, OBJECT.fits))

_NEEDED = object()


def field(values: dict[str, Any], name: str, kind: Kind, missing: object = _NEEDED) -> Any:
    """Returns a field of an object.

    Args:
        values: The object.
        name: Name of the field.
        kind: What its value must be, unless it is the one for a missing field.
        missing: Value if there is no such field; without it there must be one.

    Raises:
        ValueError: The field is missing or of another kind; the message names it.
    """
    value = values.get(name, missing)
    if value is _NEEDED:
        raise ValueError(f"{name} is missing")
    if value != missing and not kind.fits(value):
        raise ValueError(f"{name} is {value!r:.50}, must be {kind.name}")
    return value
