from datetime import date

import duckdb
import pytest

from tests.partitions import read_whole
from weir.infra.bigquery.ddl import (
    OF_POSTS,
    TABLES,
    VIEWS,
    among,
    apart_from,
    columns,
    narrowed_query,
    statement,
    statements,
)
from weir.transforms.records import CHANGE, DEAD_LETTER, DEFERRAL, SCREENING, THRESHOLD, VERDICT


@pytest.mark.parametrize(
    ("table", "schema"),
    [
        ("screenings", SCREENING),
        ("shadow_screenings", SCREENING),
        ("verdicts", VERDICT),
        ("deferrals", DEFERRAL),
        ("thresholds", THRESHOLD),
        ("dead_letters", DEAD_LETTER),
        ("post_changes", CHANGE),
    ],
)
def test_a_table_has_the_columns_of_its_record_in_their_order(table, schema):
    assert [column.name for column in columns(table)] == schema.names


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_a_table_is_described(table):
    ddl = statement(table, "p.d")
    assert ddl.count("OPTIONS (description") == len(columns(table)) + 1


@pytest.mark.parametrize("name", [*TABLES, *VIEWS])
def test_no_placeholder_is_left(name):
    assert "{" not in statement(name, "my-project.weir")
    assert "`my-project.weir." in statement(name, "my-project.weir")


def test_tables_come_before_the_views_that_read_them():
    first = [each.split("`")[1].rsplit(".", 1)[1] for each in statements("p.d")]
    assert tuple(first) == (*TABLES, *VIEWS)


@pytest.mark.parametrize("dataset", ["p.d`; DROP TABLE x", "weir", "p.d\n", "p.d.e", "P.d", "p. d"])
def test_a_dataset_that_is_not_a_plain_name_is_refused(dataset):
    with pytest.raises(ValueError, match="not the name of a BigQuery dataset"):
        statements(dataset)


@pytest.mark.parametrize("condition", [among, apart_from])
def test_folded_days_stand_in_a_view_as_spans_that_constants_alone_bound(condition):
    days = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 5)]
    where = condition(days)
    assert where.count(" OR ") == (1 if condition is among else 2)
    for day in (date(2026, 2, 28), *days, date(2026, 3, 3), date(2026, 3, 6)):
        for time in ("00:00:00+00", "23:59:59.999999+00"):
            (met,) = duckdb.execute(
                f"SELECT {where} FROM (SELECT TIMESTAMPTZ '{day} {time}' AS created_at)"
            ).fetchall()[0]
            assert met == ((day in days) == (condition is among))


def test_where_no_day_is_folded_the_tables_are_asked_alone():
    assert (among([]), apart_from([])) == ("FALSE", "TRUE")


@pytest.mark.parametrize("view", VIEWS)
def test_a_narrowed_view_reads_of_each_table_of_posts_the_rows_of_the_condition_alone(view):
    said = f"SELECT * FROM `{{dataset}}.{view}`"
    narrowed = narrowed_query(said, "p.d", "created_at >= @begin", [date(2026, 3, 1)])
    assert not set(read_whole(narrowed)) & {*OF_POSTS, *VIEWS}


def test_a_narrowed_statement_reads_nothing_of_a_table_that_it_is_to_do_without():
    narrowed = narrowed_query("SELECT 1 FROM `{dataset}.labels`", "p.d", "TRUE", (), ["verdicts"])
    assert "FROM `p.d.verdicts` WHERE FALSE" in narrowed
    assert "FROM `p.d.screenings` WHERE TRUE" in narrowed


@pytest.mark.parametrize(
    ("where", "read"),
    [
        ("created_at >= @begin", []),
        ("run = @run AND DATE(created_at) = '2026-03-01'", []),
        ("run = @run", ["verdicts"]),
        ("created_at >= @begin OR run = @run", ["verdicts"]),
        ("created_at >= judged_at", ["verdicts"]),
        ("created_at >= (SELECT MAX(at) FROM `p.d.runs`)", ["verdicts"]),
    ],
)
def test_a_bound_of_partitions_is_by_constants_and_has_to_hold(where, read):
    assert list(read_whole(f"SELECT 1 FROM `p.d.verdicts` WHERE {where}")) == read
