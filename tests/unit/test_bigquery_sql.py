"""The DDL as a BigQuery parser reads it: valid, documented, and with days that reach the tables."""

import re

import pytest
import sqlglot
from sqlglot import exp

from weir.infra.bigquery.ddl import CONSTANTS, TABLES, VIEWS, statement
from weir.transforms.statistics import LOW_LIMITS, Z

# What a filter on a day can be pushed below: the column that the tables are partitioned by.
_DAYS = {"created_at", "other_created_at", "died_at", "day", "shadow_day"}
# Small, and not partitioned.
_REFERENCE = {"replays", "policies", "runs", "screens"}
# Looked at whole, since a post of any day may change today: a row for each edit and deletion alone.
_OF_ANY_DAY = {"post_changes"}
# A run is looked at whole.
_WHOLE_RUN = {"conservation"}
BY_DAY = [view for view in VIEWS if view not in _WHOLE_RUN]


def parsed(name):
    return sqlglot.parse_one(statement(name, "my-project.weir"), dialect="bigquery")


def columns_of(expressions):
    return {column.name for each in expressions for column in each.find_all(exp.Column)}


@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_every_statement_is_valid_in_the_dialect_of_bigquery(name):
    tree = parsed(name)
    assert isinstance(tree, exp.Create)
    assert tree.sql(dialect="bigquery")


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_says_first_which_question_it_answers(name):
    first, *_ = statement(name, "p.d").split("CREATE")
    assert first.startswith("-- ")
    assert "?" in first


@pytest.mark.parametrize("name", BY_DAY)
def test_every_view_has_a_column_to_choose_days_by(name):
    assert _DAYS & set(parsed(name).expression.named_selects) or star_of_a_day(name)


def star_of_a_day(name):
    """Return whether the view selects all of a subquery or view that has such a column."""
    tree = parsed(name).expression
    views = [
        parsed(each.name).expression for each in tree.find_all(exp.Table) if each.name in VIEWS
    ]
    below = [*(cte.this for cte in tree.ctes), *views]
    return tree.is_star and any(_DAYS & set(each.named_selects) for each in below)


@pytest.mark.parametrize("name", BY_DAY)
def test_a_filter_on_days_is_stopped_by_no_window_no_group_and_no_join(name):
    tree = parsed(name)
    for window in tree.find_all(exp.Window):
        tables = {each.name for each in window.find_ancestor(exp.Select).find_all(exp.Table)}
        if tables <= _OF_ANY_DAY:
            continue
        keys = window.args.get("partition_by")
        # One without keys of its own names a window of the WINDOW clause, which is looked at too.
        assert _DAYS & columns_of(keys) if keys else window.args.get("alias"), window.sql()
    for select in tree.find_all(exp.Select):
        if {table.name for table in select.find_all(exp.Table)} <= _REFERENCE:
            continue
        if group := select.args.get("group"):
            assert _DAYS & columns_of(group.expressions), group.sql()
        for join in select.args.get("joins") or ():
            condition = join.args.get("on")
            if condition is not None and join.this.name != "versions":  # a reference table's CTE
                assert _DAYS & columns_of([condition]), join.sql()


@pytest.mark.parametrize("name", ["screenings", "shadow_screenings", "verdicts", "deferrals"])
def test_a_table_of_posts_is_partitioned_by_the_day_of_the_post(name):
    assert "PARTITION BY DATE(created_at)" in statement(name, "p.d")


def test_the_live_figures_can_be_told_from_replays_and_shadow():
    for view in ("decisions", "daily_rates", "live_recall", "judge_cost", "disagreements"):
        assert {"run", "mode"} <= set(parsed(view).expression.named_selects), view


def test_the_limits_in_views_are_those_of_the_commands():
    assert [float(each) for each in CONSTANTS.values()] == [Z, *LOW_LIMITS.values()]


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_leaves_no_placeholder_and_no_limit_of_its_own(name):
    text = statement(name, "p.d")
    assert "{" not in text
    for value in CONSTANTS.values():
        text = text.replace(value, "")
    assert not re.search(r"\d\.\d{3}", text)
