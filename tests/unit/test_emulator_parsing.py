"""The emulator parses a statement once, whoever asks for its tree, and copies little of it."""

import pytest
import sqlglot
from sqlglot.dialects.dialect import Dialect
from sqlglot.parser import Parser

from weir.infra.local.emulator import copy_flat, of_joined_tables, parse_once


def test_a_statement_is_parsed_once_and_every_caller_may_change_its_tree():
    parsed = []

    def parse(dialect, sql):
        parsed.append(sql)
        return sqlglot.parse(sql, dialect=dialect)

    known = parse_once(parse)
    dialect = Dialect.get_or_raise("bigquery")
    (first,) = known(dialect, "SELECT a FROM b")
    first.find(sqlglot.exp.Column).replace(sqlglot.exp.null())
    (second,) = known(dialect, "SELECT a FROM b")
    assert second.sql() == "SELECT a FROM b"
    assert parsed == ["SELECT a FROM b"]


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
