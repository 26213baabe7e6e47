"""What the views say of posts that were edited or deleted after they had been labelled."""

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration import stored
from tests.integration.bigquery.cases import NOON, labels, put, view
from tests.rows import human_label, screening, verdict
from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.folding import days_in_use, fold_days
from weir.pipelines.bigquery.tables import create_tables
from weir.pipelines.commands.forget import delete_author

DAY = NOON.date()


def change(run, offset, content_id, what, *, minutes=1, **more):
    return {
        "decision_id": f"{run}-change-{offset}",
        "run": run,
        "content_id": content_id,
        "topic": "posts",
        "partition": 0,
        "offset": offset,
        "change": what,
        "changed_at": NOON + timedelta(minutes=minutes),
        "recorded_at": NOON,
        "author_id": None,
    } | more


def post(run, offset, content_id, **routes):
    return screening(run, offset, stored={"content_id": content_id}, **routes)


def judged(run, offset, content_id, outcome):
    return verdict(run, offset, "spam", outcome, content_id=content_id)


def test_a_deleted_post_is_withdrawn_and_what_was_decided_is_still_known(bigquery, run):
    put(
        bigquery,
        run,
        [post(run, 1, "a", spam="escalate", hate="clear"), post(run, 2, "b", spam="clear")],
        [judged(run, 1, "a", "violates")],
        changed=[change(run, 3, "a", "deleted")],
    )
    assert labels(bigquery, run) == {
        (1, "spam"): ("withdrawn", "judge"),
        (1, "hate"): ("withdrawn", "screen"),
        (2, "spam"): ("cleared", "screen"),
    }
    rows = view(bigquery, "labels", run, "`offset`, policy_id")
    assert [row["decided_label"] for row in rows] == ["cleared", "violates", "cleared"]
    spam = [r for r in view(bigquery, "daily_rates", run, "policy_id") if r["policy_id"] == "spam"]
    assert [(row["posts"], row["violating"]) for row in spam] == [(2, 1)]


def test_the_label_of_an_edited_post_is_that_of_its_newest_version(bigquery, run):
    put(
        bigquery,
        run,
        [post(run, at, "a", spam="escalate") for at in (1, 2, 3)],
        [judged(run, at, "a", said) for at, said in ((1, "safe"), (2, "violates"), (3, "safe"))],
        changed=[
            change(run, 3, "a", "edited", minutes=1),
            change(run, 2, "a", "edited", minutes=2),
        ],
    )
    # The edit at offset 2 is the newer one, though it came first.
    found = {at: label for (at, _), (label, _) in labels(bigquery, run).items()}
    assert found == {1: "superseded", 2: "violates", 3: "superseded"}


@pytest.mark.parametrize(("deletion", "label"), [(0, "safe"), (2, "withdrawn")])
def test_of_a_post_and_its_deletion_at_one_time_the_later_offset_counts(
    bigquery, run, deletion, label
):
    put(
        bigquery,
        run,
        [post(run, 1, "a", spam="escalate")],
        [judged(run, 1, "a", "safe")],
        changed=[change(run, deletion, "a", "deleted", minutes=0)],
    )
    assert labels(bigquery, run) == {(1, "spam"): (label, "judge")}


def test_a_post_that_is_written_anew_after_its_deletion_stands(bigquery, run):
    later = NOON + timedelta(hours=1)
    put(
        bigquery,
        run,
        [
            post(run, 1, "a", spam="clear"),
            post(run, 3, "a", spam="clear") | {"created_at": later},
        ],
        changed=[change(run, 2, "a", "deleted")],
    )
    found = {at: label for (at, _), (label, _) in labels(bigquery, run).items()}
    assert found == {1: "withdrawn", 3: "cleared"}


def test_what_a_replay_reads_of_deletions_changes_no_other_run(bigquery, run):
    put(bigquery, run, [post(run, 1, "a", spam="clear")])
    put(bigquery, f"{run}-again", changed=[change(f"{run}-again", 2, "a", "deleted")])
    assert labels(bigquery, run) == {(1, "spam"): ("cleared", "screen")}


def test_a_deleted_post_is_not_put_before_people(bigquery, run):
    put(
        bigquery,
        run,
        [post(run, at, name, spam="escalate") for at, name in ((1, "a"), (2, "b"))],
        [judged(run, at, name, "violates") for at, name in ((1, "a"), (2, "b"))],
        changed=[change(run, 3, "a", "deleted")],
    )
    assert [row["content_id"] for row in view(bigquery, "appeals_sample", run, "place")] == ["b"]


@pytest.fixture(scope="module")
def own(bigquery):
    own = replace(bigquery, dataset=f"changes_{uuid.uuid4().hex[:8]}")
    create_tables(own, create_dataset=True)
    return own


def test_a_deletion_that_comes_after_the_day_was_folded_withdraws_the_post(own):
    put(own, "live", [post("live", 1, "a", spam="escalate")], [judged("live", 1, "a", "violates")])
    fold_days(own, [DAY], at_once=True)
    put(own, "live", changed=[change("live", 2, "a", "deleted", minutes=60 * 48, author_id="ann")])
    assert labels(own, "live") == {(1, "spam"): ("withdrawn", "judge")}
    fold_days(own, [DAY], at_once=True)  # made anew, or not: it holds what was decided
    with open_dataset(own) as dataset:
        assert days_in_use(dataset) == [DAY]
        held = dataset.rows("SELECT label FROM `{dataset}.folded_labels`")
    assert [row["label"] for row in held] == ["violates"]
    assert labels(own, "live") == {(1, "spam"): ("withdrawn", "judge")}


def test_a_deletion_is_forgotten_with_its_author(own):
    put(own, "gone", changed=[change("gone", 2, "a", "deleted", author_id="bob")])
    assert delete_author(own, "bob")["post_changes"] == 1
    assert view(own, "post_changes", "gone", "`offset`") == []


def test_a_review_of_a_deleted_post_is_kept_beside_its_label(bigquery, run):
    put(
        bigquery,
        run,
        [post(run, 1, "a", spam="escalate")],
        [judged(run, 1, "a", "violates")],
        changed=[change(run, 2, "a", "deleted")],
    )
    stored.put(bigquery, "human_labels", [human_label(run, 1, "spam", "safe", content_id="a")])
    (row,) = view(bigquery, "labels", run, "policy_id")
    assert (row["label"], row["decided_label"], row["human_verdict"]) == (
        "withdrawn",
        "safe",
        "safe",
    )
