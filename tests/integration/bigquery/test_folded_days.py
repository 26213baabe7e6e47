"""A day that is folded is answered as it was before, and reads what it asks for."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from tests.integration.analyst_views.cases import drawn, store
from tests.integration.stored import put, service
from tests.rows import human_label, screening, verdict
from weir.infra.bigquery.ddl import VIEWS
from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.folding import days_in_use, fold_days, open_days
from weir.pipelines.bigquery.tables import create_tables
from weir.pipelines.commands.cli import app
from weir.pipelines.commands.forget import delete_author

FIRST, SECOND = date(2026, 3, 4), date(2026, 3, 5)
DAYS = [FIRST, SECOND]
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(bigquery):
    """Return a dataset of its own, with two runs of two days, a third of whose rows stand twice."""
    own = replace(bigquery, dataset=f"fold_{uuid.uuid4().hex[:8]}")
    create_tables(own, create_dataset=True)
    store(own, "live", drawn(1, posts=40))
    store(own, "other", drawn(2, share=1.0, posts=40), 1.0)
    return own


def says(settings, views=("labels",)):
    """Return what views say, in no order."""
    with open_dataset(settings) as dataset:
        return {
            view: sorted(
                repr(sorted(row.items()))
                for row in dataset.rows(f"SELECT * FROM `{{dataset}}.{view}`")
            )
            for view in views
        }


def steps(settings, days=DAYS, **how):
    return [look.step.name for look in fold_days(settings, days, **how)]


def in_use(settings):
    with open_dataset(settings) as dataset:
        return days_in_use(dataset)


def from_the_tables(settings, views=("labels",)):
    """Return what views say where no day is folded."""
    open_days(settings)
    assert in_use(settings) == []
    return says(settings, views)


def test_every_view_says_the_same_before_a_fold_and_after_it(settings):
    before = from_the_tables(settings, VIEWS)
    fold_days(settings, DAYS, at_once=True)
    assert in_use(settings) == DAYS
    assert says(settings, VIEWS) == before
    assert all(before[view] for view in ("labels", "daily_rates", "live_recall", "run_diff"))


def test_a_folded_day_is_not_asked_of_the_tables(settings):
    fold_days(settings, DAYS, at_once=True)
    with open_dataset(settings) as dataset:
        before = dataset.rows("SELECT COUNT(*) AS n FROM `{dataset}.labels` WHERE run = 'live'")
        dataset.rows("UPDATE `{dataset}.screenings` SET run = 'hidden' WHERE run = 'live'")
        assert before == dataset.rows(
            "SELECT COUNT(*) AS n FROM `{dataset}.labels` WHERE run = 'live'"
        )
        dataset.rows("UPDATE `{dataset}.screenings` SET run = 'live' WHERE run = 'hidden'")


def test_late_rows_open_their_day_and_fold_with_it_once_it_is_quiet(settings):
    fold_days(settings, DAYS, at_once=True)
    late = uuid.uuid4().hex[:8]
    put(
        settings,
        "screenings",
        [screening(late, 1, spam="escalate"), screening("live", 1_000, spam="clear")],
    )
    put(settings, "verdicts", 2 * [verdict(late, 1, "spam", "violates")])
    assert steps(settings) == ["WAIT", "USE"]
    assert in_use(settings) == [SECOND]
    opened = says(settings)
    assert any(late in row for row in opened["labels"])
    assert steps(settings) == ["FOLD", "USE"]
    assert says(settings) == opened == from_the_tables(settings)


def test_a_day_that_was_opened_for_nothing_is_not_made_anew(settings):
    fold_days(settings, DAYS, at_once=True)
    open_days(settings, [FIRST])
    assert in_use(settings) == [SECOND]
    assert steps(settings) == ["USE", "USE"]
    assert in_use(settings) == DAYS


def test_an_author_is_forgotten_in_folded_days_at_once(settings):
    author = uuid.uuid4().hex
    put(
        settings,
        "screenings",
        [screening("live", 2_000, spam="clear", stored={"author_id": author})],
    )
    put(
        settings, "human_labels", [human_label("live", 2_000, "spam", "violates", author_id=author)]
    )
    fold_days(settings, DAYS, at_once=True)
    assert delete_author(settings, author)["folded_labels"] == 1
    forgotten = says(settings)
    assert not any(author in row for rows in forgotten.values() for row in rows)
    assert forgotten == from_the_tables(settings)


def test_a_day_whose_rows_are_gone_leaves_nothing_folded(settings):
    day = date(2026, 1, 2)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    put(settings, "screenings", [screening("old", 1, spam="clear", stored={"created_at": at})])
    assert steps(settings, [day]) == ["FOLD"]
    with open_dataset(settings) as dataset:
        dataset.rows("DELETE FROM `{dataset}.screenings` WHERE run = 'old'")
        assert steps(settings, [day]) == ["EMPTY"]
        left = dataset.rows("SELECT COUNT(*) AS n FROM `{dataset}.folded_labels` WHERE run = 'old'")
    assert left == [{"n": 0}]


def test_tables_made_again_leave_folded_days_folded(settings):
    fold_days(settings, DAYS, at_once=True)
    folded = says(settings)
    create_tables(settings)
    assert in_use(settings) == DAYS
    assert says(settings) == folded


def test_the_command_says_what_became_of_each_day(settings):
    told = CliRunner().invoke(app, ["fold", *service(settings), "--day", "2026-03-04", "--json"])
    assert told.exit_code == 0
    assert '"step": "' in told.output
    assert '"day": "2026-03-04"' in told.output
