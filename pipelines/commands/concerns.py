"""Commands take concerns as parameters: each stands for its options on the command line.

So an option is said once, and is the same wherever it is taken.
"""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from weir.pipelines.errors import report_errors
from weir.pipelines.options.arguments import help_of
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import overruled_names
from weir.pipelines.options.option import Option, text_of

# What some commands called what others call otherwise. They go on working, and no help has them.
_OLD = {
    "--project": "--bigquery-project",
    "--dataset": "--bigquery-dataset",
    "--rest": "--bigquery-rest",
    "--grpc": "--bigquery-grpc",
    "--run-name": "--run",
    "--input": "--posts",
}


_CONFIG = inspect.Parameter(
    "config",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(
            metavar="FILE", show_default=False, help="the file of a job that has such options"
        ),
    ],
)


def spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command for typer, which takes the options of the concerns that a function takes."""
    hints = get_type_hints(function, include_extras=True)
    concerns: dict[str, type[Concern]] = {
        name: hint
        for name, hint in hints.items()
        if isinstance(hint, type) and issubclass(hint, Concern)
    }
    options = {o.identifier: o for concern in concerns.values() for o in concern.options()}
    own = [
        each.replace(annotation=hints[each.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for each in inspect.signature(function).parameters.values()
        if each.name not in concerns
    ]
    taken = [_parameter(name, each) for name, each in options.items()]

    def command(**given: Any) -> Any:
        found = {options[name].name: given.pop(name) for name in options}
        texts = {name: text_of(value) for name, value in found.items() if value is not None}
        path = given.pop("config", None)
        with report_errors():
            of_file = ConfigFile.read(path) if path else ConfigFile()
            taken = found.keys() - overruled_names(texts)
            texts = {n: text for n, text in of_file.texts.items() if n in taken} | texts
            made = {name: concern.of(texts) for name, concern in concerns.items()}
        return function(**given, **made)

    command.__doc__ = function.__doc__
    parameters = [*own, *taken, *([_CONFIG] if concerns else ())]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    return command


def respell(arguments: list[str], known: set[str]) -> list[str]:
    """Return arguments with the options in the spelling that a command knows.

    Underscores stand for dashes, and old names for those that took their place. What it does not
    know either way is left as it is.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*(_respell(each, known) for each in arguments[:end]), *arguments[end:]]


def _respell(argument: str, known: set[str]) -> str:
    name, equals, value = argument.partition("=")
    if not argument.startswith("--") or name in known:
        return argument
    dashed = name.replace("_", "-")
    found = dashed if dashed in known else _OLD.get(dashed, "")
    return f"{found}{equals}{value}" if found in known else argument


def _parameter(name: str, option: Option) -> inspect.Parameter:
    kind: Any = bool if option.is_switch else str | None
    flag = f"{option.flag}/--no-{option.name}" if option.is_switch else option.flag
    annotation = Annotated[
        kind,
        typer.Option(flag, help=help_of(option), show_default=False, metavar=option.metavar),
    ]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )
