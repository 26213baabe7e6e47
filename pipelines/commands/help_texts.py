"""What every command prints for ``--help``, and what of it is published in ``docs``.

``python -m weir.pipelines.commands.help_texts`` writes it anew.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from weir.pipelines.commands.cli import app
from weir.pipelines.commands.later import Later
from weir.pipelines.commands.replay import help_text as replay_text
from weir.pipelines.job.moderate import help_text as run_text
from weir.pipelines.options.schema import schema

FOLDER = Path(__file__).parent / "help"
DOCS = Path(__file__).resolve().parents[2] / "docs"
_COLUMNS = "80"
_OWN = {"run.txt": run_text, "replay.txt": replay_text}


def help_texts() -> dict[str, str]:
    """Return the help of each command at 80 columns, by the name of its file."""
    with _columns():
        return {
            command.file: _OWN[command.file]() if command.file in _OWN else _help(path, command)
            for path, command in _commands("weir", typer.main.get_command(app))
        }


def _commands(path: str, group: Any) -> Iterator[tuple[str, Later]]:
    for name, command in group.commands.items():
        if isinstance(command, Later):
            yield f"{path} {name}", command
        else:
            yield from _commands(f"{path} {name}", command)


def _help(path: str, command: Later) -> str:
    context = command.real().make_context(path, [], resilient_parsing=True)
    return f"{context.get_help().rstrip()}\n"


@contextmanager
def _columns() -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _COLUMNS
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def reference(texts: Mapping[str, str]) -> str:
    """Return the reference of every command, as Markdown, from the texts of their help."""
    titles = {name: f"weir {name.removesuffix('.txt').replace('-', ' ', 1)}" for name in texts}
    contents = [f"- [{title}](#{title.replace(' ', '-')})" for title in titles.values()]
    parts = [f"## {titles[name]}\n\n```text\n{text}```" for name, text in texts.items()]
    return "\n\n".join([_HEAD, "\n".join(contents), *parts]) + "\n"


_HEAD = """<!-- Written by make help-texts. -->
# Commands

What each command prints for `--help`. An option may be written with underscores too.
`weir --install-completion` lets a shell complete them."""


if __name__ == "__main__":
    found = help_texts()
    for name, text in found.items():
        (FOLDER / name).write_text(text, "utf-8")
    (DOCS / "commands.md").write_text(reference(found), "utf-8")
    (DOCS / "job.schema.json").write_text(json.dumps(schema(), indent=2) + "\n", "utf-8")
