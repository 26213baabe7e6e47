"""A dataset of an older version, or one that something is in the way in, and ``weir tables``."""

import uuid
from contextlib import closing
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests.integration.stored import service
from weir.infra.bigquery.ddl import TABLES, statement
from weir.pipelines.bigquery.errors import TablesError, explain_errors
from weir.pipelines.bigquery.queries import execute
from weir.pipelines.bigquery.retention import DAYS
from weir.pipelines.bigquery.tables import check_tables, create_tables
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import query

# What the first version did not have.
_NEWER = (
    "mode STRING OPTIONS (description = 'Mode",
    *("shadow_policies", "record", "author_id", "reused_from", "checked_"),
)
_OLD_TABLES = ("screenings", "verdicts", "deferrals", "dead_letters")


@pytest.fixture
def empty(bigquery):
    """Return the settings of a dataset without a table."""
    settings = replace(bigquery, dataset=f"old_{uuid.uuid4().hex[:8]}")
    with closing(settings.client()) as client:
        client.create_dataset(f"{settings.project}.{settings.dataset}", retry=None, timeout=240)
    return settings


@pytest.fixture(scope="module")
def whole(bigquery):
    """Return the settings of a dataset with every table, which the tests of this file share."""
    settings = replace(bigquery, dataset=f"whole_{uuid.uuid4().hex[:8]}")
    create_tables(settings, create_dataset=True)
    return settings


def run(settings, sql):
    with closing(settings.client()) as client:
        execute(client, sql.replace("{dataset}", f"{settings.project}.{settings.dataset}"))


def old_ddl(settings, table):
    lines = statement(table, f"{settings.project}.{settings.dataset}").splitlines()
    kept = [line for line in lines if not line.strip().startswith(_NEWER)]
    return "\n".join(kept).replace("),\n)\n", ")\n)\n")


def weir_tables(settings, *more):
    return CliRunner().invoke(app, ["tables", *service(settings), *more])


def test_a_dataset_of_the_first_version_is_upgraded_and_its_rows_have_labels(empty):
    for table in _OLD_TABLES:
        run(empty, old_ddl(empty, table))
    run(
        empty,
        "INSERT INTO `{dataset}.screenings` (decision_id, run, content_id, topic, `partition`, "
        "`offset`, created_at, screened_at, screen_version, policy_set, policies) VALUES "
        "('d', 'live', 'p', 't', 0, 1, TIMESTAMP '2026-03-04 12:00:00+00', "
        "TIMESTAMP '2026-03-04 12:00:00+00', 's', 'set', "
        "[STRUCT('spam' AS policy_id, 0.1 AS score, 'clear' AS route)])",
    )
    with pytest.raises(TablesError, match=r"lacks the column mode, shadow_policies.*weir tables"):
        check_tables(empty)
    create_tables(empty)
    check_tables(empty)
    (row,) = query(empty, "SELECT * FROM `{dataset}.labels` WHERE run = @run", "live")
    assert (row["label"], row["mode"], row["weight"], row["offset"]) == ("cleared", "enforce", 1, 1)


def test_a_column_of_a_newer_version_is_left_alone(whole):
    run(whole, "ALTER TABLE `{dataset}.verdicts` ADD COLUMN from_the_future STRING")
    create_tables(whole)
    check_tables(whole)
    sql = "SELECT from_the_future FROM `{dataset}.verdicts` WHERE run = @run"
    assert query(whole, sql, "live") == []


@pytest.mark.parametrize(
    ("in_the_way", "said"),
    [
        (
            "CREATE TABLE `{dataset}.verdicts` (decision_id INT64)",
            "verdicts has the column decision_id as INTEGER, and this version writes STRING",
        ),
        (
            "CREATE TABLE `{dataset}.screenings` (policies ARRAY<STRUCT<policy_id STRING>>)",
            r"screenings has the column policies as ARRAY<STRUCT<policy_id STRING>>",
        ),
        (
            "CREATE TABLE `{dataset}.runs` (run STRING, cost FLOAT64 NOT NULL)",
            "runs requires the column cost, which this version does not write",
        ),
        ("CREATE TABLE `{dataset}.labels` (a STRING)", "labels is a table there, not a view"),
        ("CREATE VIEW `{dataset}.verdicts` AS SELECT 1 AS a", "verdicts is a view there and not"),
    ],
)
def test_what_would_lose_data_is_refused_in_a_sentence_and_nothing_is_changed(
    empty, in_the_way, said
):
    run(empty, in_the_way)
    with pytest.raises(TablesError, match=f"{said}.*nothing was changed: rename it"):
        create_tables(empty)
    with closing(empty.client()) as client:
        tables = client.list_tables(f"{empty.project}.{empty.dataset}", retry=None, timeout=240)
        assert len(list(tables)) == 1


def test_a_refusal_is_one_line_and_exit_code_2(empty):
    run(empty, "CREATE TABLE `{dataset}.labels` (a STRING)")
    result = weir_tables(empty)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def insert_dead_letter(settings, died_at):
    run(
        settings,
        "INSERT INTO `{dataset}.dead_letters` (decision_id, run, stage, reason, error, topic, "
        "`partition`, `offset`, attempts, died_at) "
        f"VALUES ('d', 'live', 'decode', 'r', 'e', 't', 0, 1, 1, {died_at})",
    )


def test_a_retention_that_deletes_nothing_yet_is_set(whole):
    insert_dead_letter(whole, "CURRENT_TIMESTAMP()")
    assert weir_tables(whole, "--retention-days", "30").exit_code == 0
    assert weir_tables(whole, "--retention-days", "0").exit_code == 2


def test_a_retention_that_would_delete_rows_at_once_is_refused_unless_asked_for(whole):
    insert_dead_letter(whole, "TIMESTAMP '2020-01-01 00:00:00+00'")
    refused = weir_tables(whole, "--retention-days", "30")
    assert refused.exit_code == 2
    assert "1 of dead_letters" in refused.stderr
    assert "--delete-older" in refused.stderr
    assert weir_tables(whole, "--retention-days", "30", "--delete-older").exit_code == 0


def test_every_table_with_a_row_for_a_post_has_a_retention():
    partitioned = {name for name in TABLES if "PARTITION BY" in statement(name, "p.d")}
    few = {"thresholds", "console_actions"}  # whose rows are few, and of no author
    assert partitioned - few == set(DAYS)
    for table, column in DAYS.items():
        assert f"PARTITION BY DATE({column})" in statement(table, "p.d")


def test_a_question_to_a_dataset_of_an_older_version_says_how_to_bring_it_up_to_date(empty):
    create_tables(empty)
    run(empty, "CREATE OR REPLACE TABLE `{dataset}.deferrals` AS SELECT 'live' AS run")
    said = r"Where an older version made its tables, bring them up to date with `weir tables"
    with pytest.raises(TablesError, match=said), explain_errors(empty):
        query(empty, f"SELECT * FROM `{empty.full_name}.labels` WHERE run = @run", "live")
