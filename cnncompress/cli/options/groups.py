"""Options in sections of the help text, options in groups, and options that exclude each other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import click
from click.core import ParameterSource

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OTHERS = "Options"


class SectionOption(click.Option):
    """An option that belongs to a section of the help text."""

    def __init__(self, *args: Any, section: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


class SectionCommand(click.Command):
    """A command whose help text lists the options in sections, in the order of their declaration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the options to the help text, by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(parameter, "section", _OTHERS), []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)


def section(name: str) -> Callable[..., Callable[[_Function], _Function]]:
    """Returns a ``click.option`` for the options of a section.

    Args:
        name: Heading of the section.
    """
    return functools.partial(click.option, cls=SectionOption, section=name)


def option_group(
    name: str, kind: type, *options: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that declares several options, which the command receives as one object.

    Args:
        name: Name of the command's argument for the object.
        kind: Dataclass with a field for each option, of the same name.
        options: Decorators made by `section` or ``click.option``.
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


def refuse_together(ctx: click.Context, names: Sequence[str]) -> None:
    """Checks that at most one of several options is given.

    Args:
        ctx: Context of the command.
        names: Names of the parameters. Default values and values from the environment do not count.

    Raises:
        click.UsageError: Several of the options are on the command line.
    """
    given = [name for name in names if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if len(given) > 1:
        options = {parameter.name: parameter.opts[-1] for parameter in ctx.command.params}
        raise click.UsageError(f"{options[given[0]]} and {options[given[1]]} exclude each other.")
