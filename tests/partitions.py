"""Which partitioned tables a statement reads whole: those without a bound by constants."""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.parsers.bigquery import BigQueryParser

from weir.infra.bigquery.ddl import OF_POSTS, VIEWS

_OF_DAY = {"created_at", "day"}
_COLUMNS = {
    **dict.fromkeys({*OF_POSTS, *VIEWS} - {"complaint_outcomes"}, _OF_DAY),
    "dead_letters": {"died_at"},
    "dead_letter_causes": {"day"},
    "post_changes": {"changed_at"},
    "thresholds": {"decided_at"},
    "console_actions": {"done_at"},
}
_COMPARED = (exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)


class NamedTables(BigQuery):
    """BigQuery's SQL without ``FROM t, t.items``, in search of which every source is copied."""

    class Parser(BigQueryParser):
        """It leaves what is named as it is named."""

        SUPPORTS_IMPLICIT_UNNEST = False


def read_whole(sql: str) -> Iterator[str]:
    """Yield each partitioned table and view that a statement names without saying which days of it.

    A bound is a condition that has to hold, on the column of the partitions, by parameters and
    constants alone: BigQuery leaves out partitions by nothing else.
    """
    for table in sqlglot.parse_one(sql, read=NamedTables).find_all(exp.Table):
        name = table.name.rpartition(".")[2]
        where = table.find_ancestor(exp.Select).args.get("where")
        named = {"", table.alias_or_name}
        if name in _COLUMNS and not (where and _is_bound(where.this, _COLUMNS[name], named)):
            yield name


def _is_bound(condition: exp.Expr, columns: set[str], named: set[str]) -> bool:
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        return any(_is_bound(each, columns, named) for each in condition.flatten())
    if isinstance(condition, exp.Boolean):
        return not condition.this
    if isinstance(condition, exp.Or):
        return all(_is_bound(each, columns, named) for each in condition.flatten())
    compared = list(condition.find_all(exp.Column))
    return (
        isinstance(condition, _COMPARED)
        and not condition.find(exp.Select)
        and bool(compared)
        and all(each.name in columns and each.table in named for each in compared)
    )
