"""Options in sections of the help text, options in groups, and options that exclude each other."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

import click
from click.core import ParameterSource

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OTHERS = "Options"


class SectionOption(click.Option):
    """An option that belongs to a section of the help text.

    Attributes:
        section: Heading of the section.
        brief: Whether ``-h`` shows the option, too.
    """

    def __init__(self, *args: Any, section: str, brief: bool = False, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section
        self.brief = brief


class SectionCommand(click.Command):
    """A command whose help text lists the options in sections, in the order of their declaration.

    ``-h`` shows a sentence for each brief option, or for all if none is, and ``--help`` shows everything.
    """

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Returns the names of the option for the whole help text."""
        return ["--help"]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Returns the parameters, the options for help last."""
        params = super().get_params(ctx)
        return [*params[:-1], _BRIEF_HELP, params[-1]]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the arguments; of a misspelt option only the most similar one is suggested."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                nearest = difflib.get_close_matches(error.option_name, error.possibilities, n=1)
                raise click.NoSuchOption(error.option_name, possibilities=nearest, ctx=ctx) from None
            raise

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

    def brief_help(self, ctx: click.Context) -> str:
        """Returns a help text that fits on a screen: what the command does, examples, and a line for some options."""
        formatter = ctx.make_formatter()
        self.format_usage(ctx, formatter)
        first, examples, *_ = inspect.cleandoc(self.help or "").split("\n\n")
        for part in (first, examples):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(part)
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        brief = [each for each in options if isinstance(each, SectionOption) and each.brief]
        records = (option.get_help_record(ctx) for option in brief or options)
        with formatter.section(_OTHERS):
            formatter.write_dl([(names, _first_clause(text)) for names, text in filter(None, records)])
        formatter.write(f"\n{ctx.command_path} --help shows everything.")
        return formatter.getvalue()


def _first_clause(text: str) -> str:
    """Returns a description up to its first full stop, colon or semicolon, with the default value behind it."""
    text, _, default = text.partition("  [")
    clause = re.split(r"[;:.](?:\s|$)", text)[0] + "."
    default = next((part for part in default.rstrip("]").split("; ") if part.startswith("default: ")), "")
    return f"{clause}  [{default}]" if default else clause


def _show_brief(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing and isinstance(ctx.command, SectionCommand):
        click.echo(ctx.command.brief_help(ctx), color=ctx.color)
        ctx.exit()


_BRIEF_HELP = click.Option(
    ["-h", "brief_help"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_brief,
    help="Show the most common options and exit.",
)


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


def refuse_without(ctx: click.Context, names: Iterable[str], needed: str) -> None:
    """Checks that no option is given that would be ignored.

    Args:
        ctx: Context of the command.
        names: Names of the parameters, as for `refuse_together`.
        needed: The option that they need, which is not given.

    Raises:
        click.UsageError: One of the options is on the command line.
    """
    for option in given_options(ctx, names):
        raise click.UsageError(f"{option} needs {needed}.")


def refuse_together(ctx: click.Context, names: Iterable[str]) -> None:
    """Checks that at most one of several options is given.

    Args:
        ctx: Context of the command.
        names: Names of the parameters. Default values and values from the environment do not count.

    Raises:
        click.UsageError: Several of the options are on the command line.
    """
    given = given_options(ctx, names)
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other.")


def given_options(ctx: click.Context, names: Iterable[str]) -> list[str]:
    """Returns the options on the command line among some, as for `refuse_together`."""
    options = {parameter.name: parameter.opts[-1] for parameter in ctx.command.params}
    return [options[name] for name in names if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
