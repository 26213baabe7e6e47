"""When a day is folded, and that a question about one of thirty reads one of thirty."""

import json
import re
from datetime import date, timedelta

import duckdb
import pytest
import sqlglot

from weir.infra.bigquery.ddl import TABLES, columns, statement
from weir.pipelines.bigquery.folding import Day, Step, next_step

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(30)]


@pytest.mark.parametrize(
    ("rows", "last", "at_once", "step"),
    [
        (9, None, False, Step.FOLD),
        (9, Day("9 rows", "9 rows", True), False, Step.USE),
        (9, Day("9 rows", "9 rows", False), False, Step.USE),
        (9, Day("8 rows", "8 rows", True), False, Step.WAIT),
        (9, Day("9 rows", None, False), False, Step.FOLD),
        (9, Day("8 rows", None, False), False, Step.WAIT),
        (9, Day("8 rows", None, False), True, Step.FOLD),
        (0, Day("8 rows", "8 rows", True), True, Step.EMPTY),
    ],
)
def test_a_day_is_folded_when_it_has_not_changed_between_two_looks(rows, last, at_once, step):
    assert next_step(rows, f"{rows} rows", last, at_once=at_once) is step


def test_the_folded_table_has_the_columns_of_the_view_in_their_order():
    view = sqlglot.parse_one(statement("decisions", "p.weir"), dialect="bigquery").expression
    of_table, computed = view.left.named_selects, view.right.named_selects
    assert of_table == computed == [column.name for column in columns("folded_labels")]


def in_duckdb(sql):
    """Return a statement of ours in the words of the emulator's engine."""
    sql = re.sub(r"\n(PARTITION|CLUSTER) BY .*| OPTIONS \(description = '.*?'\)", "", sql)
    return sqlglot.transpile(sql.replace("`p.weir.", "`weir."), read="bigquery", write="duckdb")[0]


@pytest.fixture(scope="module")
def stored():
    """Return thirty days of 200 posts, of which each is stored twice, in the emulator's engine."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute("CREATE SCHEMA weir")
    for name in TABLES:
        database.execute(in_duckdb(statement(name, "p.weir")))
    database.execute(
        """INSERT INTO weir.screenings BY NAME SELECT 's' || n AS decision_id, 'live' AS run,
        'p' || n AS content_id, 'posts' AS topic, 0 AS "partition", n AS "offset",
        TIMESTAMPTZ '2026-03-01 00:00:00+00' + to_seconds(n * 432) AS created_at,
        created_at AS screened_at, 's1' AS screen_version, 'set1' AS policy_set,
        [{'policy_id': 'hate', 'score': 0.1, 'route': 'clear'},
         {'policy_id': 'spam', 'score': 0.9, 'route': 'escalate'}] AS policies
        FROM range(6000) AS posts(n), range(2)"""
    )
    database.execute(
        """INSERT INTO weir.verdicts BY NAME SELECT 'v' || n AS decision_id, 'live' AS run,
        'enforce' AS mode, 'p' || n AS content_id, 'posts' AS topic, 0 AS "partition",
        n AS "offset", TIMESTAMPTZ '2026-03-01 00:00:00+00' + to_seconds(n * 432) AS created_at,
        created_at AS judged_at, 'a post' AS text, 'spam' AS policy_id, 'v1' AS policy_version,
        's1' AS screen_version, 'escalate' AS route, 1.0 AS inclusion_probability,
        'violates' AS verdict, 'x' AS engine, 'm' AS model, 'low' AS effort, false AS cached
        FROM range(6000) AS posts(n), range(2)"""
    )
    return database


def point_views(database, folded):
    for name in ("decisions", "labels", "daily_rates"):
        database.execute(in_duckdb(statement(name, "p.weir", folded)))


def rows_read(database, sql):
    """Return how many rows of tables reach a step that is no filter, by the plan as it was run."""
    plan = database.execute(f"EXPLAIN (ANALYZE, FORMAT json) {sql}").fetchall()[0][1]

    def read(node):
        """Return the rows, and whether nothing but filters has seen them."""
        if node.get("extra_info", {}).get("Table"):
            return node["operator_cardinality"], True
        below = [read(child) for child in node.get("children", ())]
        plain = node.get("operator_name") in ("FILTER", "PROJECTION")
        if plain and [fresh for _, fresh in below] == [True]:
            return node["operator_cardinality"], True
        return sum(rows for rows, _ in below), False

    return read(json.loads(plan))[0]


@pytest.mark.parametrize(
    "question",
    [
        "SELECT policy_id, label, COUNT(*) FROM weir.labels "
        "WHERE created_at BETWEEN '2026-03-10 00:00:00+00' AND '2026-03-10 23:59:59+00' "
        "GROUP BY ALL ORDER BY ALL",
        "SELECT * FROM weir.daily_rates WHERE day = DATE '2026-03-10' ORDER BY ALL",
    ],
)
def test_a_question_about_one_of_thirty_folded_days_reads_its_rows_once_each(stored, question):
    point_views(stored, [])
    before, answer = rows_read(stored, question), stored.execute(question).fetchall()
    stored.execute("INSERT INTO weir.folded_labels SELECT * FROM weir.decisions")
    point_views(stored, DAYS)
    assert stored.execute(question).fetchall() == answer
    pairs_of_a_day = 2 * 200
    assert rows_read(stored, question) == pairs_of_a_day
    assert before >= 30 * pairs_of_a_day
    stored.execute("DELETE FROM weir.folded_labels")
