"""The emulator parses a statement once, whoever asks for its tree."""

import sqlglot
from sqlglot.dialects.dialect import Dialect

from weir.infra.local.emulator import copy_flat, parse_once


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
