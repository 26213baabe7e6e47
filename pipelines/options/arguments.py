"""Options on a command line: as argparse has them, in every spelling that works."""

import argparse
import textwrap
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NoReturn

from weir.pipelines.errors import OptionError
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import Option, text_of


class Whole(argparse.HelpFormatter):
    """Prints a help in which the name of an option is never broken at a dash."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return textwrap.fill(
            " ".join(text.split()),
            width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )


class Parser(argparse.ArgumentParser):
    """Raises OptionError, in a sentence, where argparse prints how everything is used."""

    def error(self, message: str) -> NoReturn:
        """Raise it."""
        raise OptionError(f"{message.removeprefix('argument ')}: see weir run --help")


def add_options(parser: Any, options: Iterable[Option]) -> None:
    """Add options to a parser, in every spelling; it gets texts and checks nothing."""
    for each in options:
        _add(parser, each, spellings(each), argparse.SUPPRESS)


def add_help(parser: Any, concerns: Iterable[type[Concern]], without: Collection[str] = ()) -> None:
    """Add what the options of concerns mean to a parser that prints its help, a group for each.

    ``without`` names options that are left out.
    """
    group = parser.add_argument_group("This command")
    group.add_argument(
        "--config",
        metavar="FILE",
        help="YAML file of any of these options, by the same names; what stands on the command "
        "line overrules it. See weir config --help",
    )
    group.add_argument("--json", action="store_true", help="print the counts as JSON, for scripts")
    for concern in concerns:
        told = [each for each in concern.options() if each.name not in without]
        if told:
            group = parser.add_argument_group(concern.title, concern.about or None)
            for each in told:
                _add(group, each, [each.flag], help_of(each).replace("%", "%%"))


def help_of(option: Option) -> str:
    """Return what an option means, and its default."""
    default = option.default_said
    parts = [option.says.help, f"(default: {default})" if default else ""]
    return " ".join(each for each in parts if each)


def spellings(option: Option) -> list[str]:
    """Return every way to write an option, the first as a help has it."""
    names = [option.name, *option.says.old]
    return list(dict.fromkeys(f"--{s}" for n in names for s in (n, n.replace("-", "_"))))


def texts_of(parsed: Mapping[str, Any], options: Iterable[Option]) -> dict[str, str]:
    """Return what was said, as texts by the options' names, of what a parser has found."""
    found = {each.name: parsed.get(each.identifier) for each in options}
    return {name: text_of(value) for name, value in found.items() if value is not None}


def _add(group: Any, option: Option, flags: list[str], text: str) -> None:
    if not option.is_switch:
        group.add_argument(
            *flags,
            dest=option.identifier,
            metavar=option.metavar,
            help=text,
            default=None,
            action="append" if option.says.repeats else "store",
        )
        return
    group.add_argument(
        *flags, dest=option.identifier, action="store_const", const=True, help=text, default=None
    )
    if text is argparse.SUPPRESS:
        no = [flag.replace("--", "--no-", 1) for flag in flags]
        group.add_argument(
            *no, dest=option.identifier, action="store_const", const=False, help=text, default=None
        )
