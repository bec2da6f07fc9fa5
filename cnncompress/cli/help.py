"""Help texts with the options in sections, and options that travel in groups."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OTHERS = "Options"


class SectionOption(click.Option):
    """An option that stands in a section of its own in the help text."""

    def __init__(self, *args: Any, section: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


class SectionCommand(click.Command):
    """A command whose help text shows its options in sections, in the order in which they were declared."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", _OTHERS), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


def section(name: str) -> Callable[..., Callable[[_Function], _Function]]:
    """Returns ``click.option`` for the options of one section."""
    return functools.partial(click.option, cls=SectionOption, section=name)


def option_group(
    name: str, kind: type, *options: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares several options at once, which the command gets as one object.

    Args:
        name: the argument of the command.
        kind: a dataclass with a field for each option, of the same name.
        options: decorators, made by `section` or ``click.option``.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def command(*args: Any, **values: Any) -> Any:
            group = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
            return function(*args, **{name: group}, **values)

        for option in reversed(options):
            command = option(command)
        return command

    return decorate
