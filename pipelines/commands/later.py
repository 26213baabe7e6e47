"""Commands that are imported when they are called: Beam alone takes seconds.

What is printed without calling one is read from the folder ``help``.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from typing import Any, Self

import typer
from typer.core import CompletionItem, TyperCommand, TyperGroup  # type: ignore[attr-defined]  # not in its __all__

from weir.pipelines.commands.concerns import respell, spread
from weir.pipelines.errors import OptionError, nearest, report_errors

_HELP = ("--help", "-h")
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
_ALIKE = 0.75  # difflib's ratio of a name that may have been meant; the dashes count as alike
_END = re.compile(r"(?<=\.)\s")  # of a sentence
_OPTION = re.compile(r"^ +(?:-\w, )?(--[\w-]+)", re.MULTILINE)

_UsageError: Any = (
    typer.BadParameter.__base__
)  # what is wrong on a command line; not in typer's API


@contextmanager
def _in_one_sentence(command: str, known: Iterable[str] = ()) -> Iterator[None]:
    """Say what is wrong on a command line as whatever else is: in a sentence, with exit code 2.

    ``command`` is how the command is called, and ``known`` are the options that it has.
    """
    with report_errors():
        try:
            yield
        except _UsageError as error:
            if type(error).__name__ == "NoArgsIsHelpError":
                raise
            raise OptionError(_sentence(error, f"see {command} --help", known)) from error


def _sentence(error: Any, way_out: str, known: Iterable[str]) -> str:
    if hasattr(error, "possibilities"):  # an unknown option
        hint = nearest(error.option_name, list(known), way_out, alike=_ALIKE)
        return f"{error.option_name} is not an option: {hint}"
    return f"{error.format_message().rstrip('.')}: {way_out}"


def _called(name: str | None, parent: Any) -> str:
    return f"{parent.command_path} {name}" if parent else str(name)


def _flags(parameters: Iterable[Any]) -> list[str]:
    return [flag for each in parameters for flag in (*each.opts, *each.secondary_opts)]


def _first_sentence(text: str) -> str:
    return _END.split(" ".join(text.split()), maxsplit=1)[0]


class Later(TyperCommand):
    """The command of a function, ``module:function`` of this folder, that is not imported yet."""

    def __init__(self, place: str, *, says: str | None = None, passes_on: bool = False) -> None:
        super().__init__(name=place, context_settings=_PASS_ON)
        self._place, self._says, self._passes_on = place, says, passes_on
        self.file = ""

    @classmethod
    def passing_on(cls, place: str, says: str | None = None) -> Self:
        """Return one whose unknown options are the job's, or Beam's."""
        return cls(place, says=says, passes_on=True)

    def named(self, name: str, file: str) -> Self:
        """Take a name, and the name of the file that holds the help."""
        self.name, self.file = name, file
        return self

    @cached_property
    def text(self) -> str:
        """Return the help as it is printed."""
        return files(__package__).joinpath("help", self.file).read_text("utf-8")

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - none is cut short
        """Return the first sentence of the help, whole, for the list of commands."""
        return self._says or _first_sentence(self.text.split("\n\n")[1])

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Return the context of the real command; print the help where that is asked for."""
        if extra.get("resilient_parsing"):  # to complete a line
            return super().make_context(info_name, args, parent, **extra)
        own = args[: args.index("--")] if "--" in args else args
        if any(argument in _HELP for argument in own):
            typer.echo(self.text, nl=False)
            raise typer.Exit
        real = self.real()
        known = _flags(real.params)
        with _in_one_sentence(_called(info_name, parent), known):
            return real.make_context(info_name, respell(args, set(known)), parent, **extra)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - not in its __all__
        """Return the options that begin so."""
        options = dict.fromkeys(_OPTION.findall(self.text))
        return [CompletionItem(each) for each in options if each.startswith(incomplete or "-")]

    def real(self) -> Any:
        """Return the command itself, imported."""
        module, _, function = self._place.partition(":")
        called = getattr(import_module(f"{__package__}.{module}"), function)
        app = typer.Typer(rich_markup_mode=None, add_completion=False)
        app.command(self.name, context_settings=_PASS_ON if self._passes_on else None)(
            spread(called)
        )
        return typer.main.get_command(app)


def group(prefix: str = "", /, **commands: Later) -> type[TyperGroup]:
    """Return the class of a group that has these commands beside those that are added to it."""

    class Group(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            ours = {n: each.named(n, f"{prefix}{n}.txt") for n, each in commands.items()}
            self.commands = ours | dict(self.commands)

        def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002 - none is cut short
            return _first_sentence(self.help or "")

        def make_context(
            self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
        ) -> Any:
            with _in_one_sentence(_called(info_name, parent), _flags(self.params)):
                return super().make_context(info_name, args, parent, **extra)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args[0] in self.commands or ctx.resilient_parsing:
                return super().resolve_command(ctx, args)
            hint = nearest(args[0], list(self.commands), f"see {ctx.command_path} --help")
            with report_errors():
                raise OptionError(f"{args[0]} is not a command: {hint}")

    return Group
