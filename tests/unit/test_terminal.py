"""What a command prints as a table can be read at 80 columns, and its words can be copied."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.markup import escape

from weir.pipelines.commands import terminal
from weir.pipelines.commands.terminal import print_table

WORD = st.text("abcdef-0123456789[]/", min_size=1, max_size=60)


@pytest.fixture(scope="module")
def printed():
    def of(columns, rows, title=None):
        file = io.StringIO()
        console = Console(file=file, width=80)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(terminal, "console", console)
            print_table(title, columns, rows)
        return file.getvalue()

    return of


@given(
    rows=st.integers(1, 8).flatmap(
        lambda width: st.lists(st.lists(WORD, min_size=width, max_size=width), min_size=1)
    )
)
def test_no_identifier_is_broken_however_many_there_are_in_a_row(printed, rows):
    names = [f"column-{n}" for n in range(len(rows[0]))]
    shown = printed(names, [[escape(cell) for cell in row] for row in rows]).split()
    assert {cell for row in rows for cell in row} <= set(shown)


def test_sentences_give_way_to_identifiers(printed):
    version, sentence = "3f1c2a9b7d604e15", "none: label 148 more posts that violate. " * 4
    shown = printed(["policy", "version", "promise"], [["sexual-content", version, sentence]])
    assert max(map(len, shown.splitlines())) <= 80
    assert f"sexual-content  {version}" in shown
    assert shown.split()[6:] == sentence.split()


def test_numbers_have_separators_and_a_table_without_rows_has_its_title(printed):
    assert "1,234" in printed(["table", "rows"], [["verdicts", 1234]])
    assert printed(["table"], [], "deleted").startswith("\ndeleted\n")
