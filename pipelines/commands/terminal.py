"""What the commands share: the console, tables, and options that several of them take."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from weir.policies.policy import Policy, PolicyError, PolicySet
from weir.transforms.text.hidden import visible

console = Console()

Policies = Annotated[
    str,
    typer.Option(
        "--policies", help="Folder of policy documents.", show_default="those that ship with Weir"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@contextmanager
def terminable() -> Iterator[None]:
    """Have SIGTERM end what the block does as Ctrl-C would."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def quantity(number: int, one: str, many: str) -> str:
    """Return a number with its noun, such as ``1 policy``."""
    return f"{number:,} {one if number == 1 else many}"


def find_policy(loaded: PolicySet, policy_id: str) -> Policy:
    """Return the policy of that id. Raises PolicyError, which says what there is."""
    try:
        return loaded[policy_id]
    except KeyError:
        known = ", ".join(p.policy_id for p in loaded.policies)
        raise PolicyError(f"there is no policy {policy_id!r}; there are: {known}") from None


def plain(text: str, width: int) -> str:
    """Return a post's text as one short line that can neither style nor command a terminal."""
    line = " ".join(visible(text).split())
    return escape(line if len(line) <= width else line[: width - 1] + "…")


def print_table(title: str | None, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their columns; whole numbers get thousands separators.

    Cells are rich markup. No word of a cell is broken, since it may be what a person copies: rows
    that do not fit side by side are printed below each other, a line for each cell.
    """
    cells = [[f"{v:,}" if isinstance(v, int) else str(v) for v in row] for row in rows]
    widths = _widths([list(column) for column in zip(columns, *cells, strict=True)])
    if title:
        console.print(f"\n{title}", style="bold", highlight=False)
    if widths is None:
        _print_below(columns, cells)
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False)
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, width=width, overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


_GAP = 2  # characters between columns: padding, and the divider
_LONGEST = 24  # of a word among others that is not broken; one that stands alone never is


def _widths(columns: Sequence[Sequence[str]]) -> list[int] | None:
    """Return how wide each column is, as wide as it can be; None where words would be broken."""
    texts = [[Text.from_markup(cell) for cell in column] for column in columns]
    widths = [max(text.cell_len for text in column) for column in texts]
    least = [max(map(_least, column)) for column in texts]
    room = console.width - _GAP * (len(widths) - 1)
    while sum(widths) > room:
        wide = [n for n, width in enumerate(widths) if width > least[n]]
        if not wide:
            return None
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _least(cell: Text) -> int:
    words = [cell_len(word) for word in cell.plain.split()]
    longest = max(words, default=0)
    return longest if len(words) < 2 else min(longest, _LONGEST)


def _print_below(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widest = max(map(len, columns))
    for row in rows:
        for name, cell in zip(columns, row, strict=True):
            if cell:
                console.print(f"{escape(name):{widest}}  {cell}", soft_wrap=True, highlight=False)
        console.print()
