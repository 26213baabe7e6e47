"""The emulator parses a statement once, whoever asks for its tree, and copies little of it."""

import pytest
import sqlglot
from sqlglot.dialects.dialect import Dialect
from sqlglot.parser import Parser

from weir.infra.local.emulator import Trees, copy_flat, of_joined_tables

STATEMENT = "SELECT a FROM b"


@pytest.fixture
def trees(monkeypatch):
    """Trees of sqlglot's own dialects, and the statements that were parsed for them."""
    parsed, parse, generate = [], Dialect.parse, Dialect.generate

    def counted(dialect, sql, **options):
        parsed.append(sql)
        return parse(dialect, sql, **options)

    trees = Trees(counted, generate)
    monkeypatch.setattr(Dialect, "parse", trees.parse)
    monkeypatch.setattr(Dialect, "generate", trees.generate)
    return trees, parsed


def tree_of(sql):
    return sqlglot.parse_one(sql, read="bigquery")


def shown_tree_of(sql):
    """Return which object the tree of a statement is, for who may not give out the tree itself."""
    return id(tree_of(sql))


def without_columns(sql):
    """Return a statement that selects nothing, the very same where it selected nothing before."""
    tree = tree_of(sql)
    columns = list(tree.find_all(sqlglot.exp.Column))
    for column in columns:
        column.replace(sqlglot.exp.null())
    return tree.sql("bigquery") if columns else sql


def test_a_statement_is_parsed_once_and_every_caller_may_change_its_tree(trees):
    _, parsed = trees
    assert without_columns(STATEMENT) == "SELECT NULL FROM b"
    assert tree_of(STATEMENT).sql() == STATEMENT
    assert parsed == [STATEMENT]


def test_who_reads_is_shown_the_one_tree(trees):
    trees, parsed = trees
    show = trees.shown_to(shown_tree_of)
    assert show(STATEMENT) == show(STATEMENT)
    assert id(tree_of(STATEMENT)) != show(STATEMENT)
    assert parsed == [STATEMENT]


def test_a_tree_that_was_lent_is_forgotten_once_it_was_changed(trees):
    trees, _ = trees
    assert trees.lent_to(without_columns)(STATEMENT) == "SELECT NULL FROM b"
    assert tree_of(STATEMENT).sql() == STATEMENT


def test_a_tree_that_came_back_as_it_was_is_shown_again(trees):
    trees, parsed = trees
    sql = "SELECT 1 FROM b"
    shown = trees.shown_to(shown_tree_of)(sql)
    assert trees.lent_to(without_columns)(sql) is sql
    assert trees.shown_to(shown_tree_of)(sql) == shown
    assert parsed == [sql]


def test_a_tree_that_is_lent_is_written_without_a_copy_of_it(trees, monkeypatch):
    trees, _ = trees
    monkeypatch.setattr(sqlglot.exp.Select, "copy", None)
    assert trees.lent_to(without_columns)(STATEMENT) == "SELECT NULL FROM b"


def test_where_a_name_stood_in_a_statement_is_copied_with_it():
    stood = {"line": 1, "col": 8}
    copied = copy_flat(stood)
    copied["line"] = 2
    assert stood == {"line": 1, "col": 8}


@pytest.mark.parametrize(
    ("source", "explicit"),
    [
        ("t, t.items", 1),
        ("(SELECT b FROM u) AS v JOIN w ON TRUE, v.b", 1),
        ("(SELECT b FROM (SELECT b FROM u)) AS v JOIN w ON v.b = w.b", 0),
        ("t, UNNEST(t.items) AS item", 0),
    ],
)
def test_sources_are_copied_where_one_may_be_a_column_alone(monkeypatch, source, explicit):
    asked, whole = [], sqlglot.parse_one(f"SELECT * FROM {source}", read="bigquery")
    to_explicit = Parser._implicit_unnests_to_explicit

    def counted(parser, query):
        asked.append(query)
        return to_explicit(parser, query)

    monkeypatch.setattr(Parser, "_implicit_unnests_to_explicit", of_joined_tables(counted))
    assert sqlglot.parse_one(f"SELECT * FROM {source}", read="bigquery") == whole
    assert len(asked) == explicit
