"""How the commands are declared: help for arguments, and options that take several values."""

from collections.abc import Callable, Iterable
from typing import Any

import click


class Argument(click.Argument):
    """A positional argument with a line of help."""

    def __init__(self, *names: Any, meaning: str = "", **attributes: Any) -> None:
        super().__init__(*names, **attributes)
        self.meaning = meaning


class Command(click.Command):
    """A command whose help lists its arguments before its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (each.name or "", each.meaning) for each in self.params if isinstance(each, Argument)
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)


class ListsOfValues(Command):
    """A command whose repeatable options take several values after one name: `--draws 1 2 3`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        lists = {name for each in self.params if each.multiple for name in each.opts}
        return super().parse_args(ctx, [*_repeated(args, lists)])


def _repeated(arguments: Iterable[str], lists: set[str]) -> Iterable[str]:
    """The arguments with the name of an option in `lists` before each of its values."""
    option, values = "", 0
    for word in arguments:
        if word.startswith("-") and not word[1:].isdigit():
            if option and not values:
                yield option
            option, values = (word, 0) if word in lists else ("", 0)
            if not option:
                yield word
            continue
        if option:
            yield option
            values += 1
        yield word
    if option and not values:
        yield option  # click says that its value is missing


class InOrder(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands]


def command(
    name: str, description: str, cls: type[click.Command] = Command
) -> Callable[[Callable[..., None]], click.Command]:
    """A decorator for the function of one command; its help is never cut short."""
    return click.command(name, help=description, short_help=description, cls=cls)


def argument(name: str, meaning: str) -> Callable:
    """A decorator for a required positional argument and what it means."""
    return click.argument(name, cls=Argument, meaning=meaning, metavar=name)
