"""Commands that are imported when they are called: Beam alone takes seconds.

What is printed without calling one is read from the folder ``help``.
"""

import re
import textwrap
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from typing import Any, Self

import typer
from typer.core import CompletionItem, TyperCommand, TyperGroup  # type: ignore[attr-defined]  # not in its __all__

from weir.pipelines.commands.concerns import respell, spread

_HELP = ("--help", "-h")
_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
_OPTION = re.compile(r"^ +(?:-\w, )?(--[\w-]+)", re.MULTILINE)


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

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, for the list of commands."""
        self.help = self._says or textwrap.dedent(self.text.split("\n\n", 1)[1])
        return super().get_short_help_str(limit)

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
        known = {flag for each in real.params for flag in (*each.opts, *each.secondary_opts)}
        return real.make_context(info_name, respell(args, known), parent, **extra)

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

    return Group
