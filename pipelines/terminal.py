"""What the commands share: the console, tables, and options that several of them take."""

import re
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

console = Console()

Policies = Annotated[
    str,
    typer.Option(
        "--policies", help="Folder of policy documents.", show_default="those that ship with Weir"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as ``1 policy``."""
    return f"{number:,} {one if number == 1 else many}"


def plain(text: str, width: int) -> str:
    """Return a post's text as one short line that can neither style nor command a terminal."""
    line = " ".join(_CONTROL.sub("", text).split())
    return escape(line if len(line) <= width else line[: width - 1] + "…")


def print_table(title: str | None, columns: list[str], rows: list[list[Any]]) -> None:
    """Print rows under their columns; whole numbers get thousands separators."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row))
    console.print(table)
