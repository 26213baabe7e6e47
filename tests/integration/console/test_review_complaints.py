"""Complaints as a queue in the console: a decision at a time, settled by a verdict on the post."""

from datetime import timedelta

import pytest

from tests.integration.console.desk import Answered
from tests.integration.console.reviewing import DAY, actions, labels, number, sent, stored
from tests.rows import NOON
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.review.queues import Asked, count_waiting
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import RefusedError
from weir.pipelines.demo import query
from weir.pipelines.reviews.complaints import Asked as About
from weir.pipelines.reviews.complaints import Outcome, decide, receive

OUTCOMES = (
    "SELECT decision, state, decided_by, reviewer FROM `{dataset}.complaint_outcomes` "
    "WHERE run = @run ORDER BY received_at"
)
ROWS = "SELECT * FROM `{dataset}.complaints` WHERE run = @run ORDER BY changed_at"


@pytest.fixture
def complain(bigquery, run):
    """Return a function that records a complaint about the post with a number."""

    def complain(number, hours, reference=""):
        about = About(run, f"{run}-spam-v1-{number}", "spam")
        return receive(bigquery, about, reference, NOON + timedelta(hours=hours))

    return complain


def test_complaints_come_the_earliest_first_and_a_verdict_upholds_or_overturns_the_decision(
    bigquery, run, reviewer, judged, complain
):
    judged("violates", "safe", "violates", "violates")
    for post, hours in ((1, 3), (0, 5), (3, 1)):
        complain(post, hours)
    ann = reviewer()
    page = ann.queue("complaints")
    seen = [number(page)]
    for key in "vvs":
        page = ann.press(page, key)
        seen.append(number(page))
    assert seen == [3, 1, 0, None]
    assert ann.said == "Safe: the complaint is overturned."
    assert [(row["decision"], row["state"]) for row in query(bigquery, OUTCOMES, run)] == [
        ("violates", "upheld"),
        ("safe", "overturned"),
        ("violates", "overturned"),
    ]
    assert [row["label"] for row in labels(bigquery, run)] == [
        *("safe", "violates", "violates", "violates")
    ]


def test_a_complaint_settled_in_the_queue_has_the_rows_that_the_command_writes(
    bigquery, run, reviewer, judged, complain
):
    judged("violates", "violates")
    complain(0, 1)
    by_command = complain(1, 2)
    ann = reviewer()
    ann.press(ann.queue("complaints"), "s")
    decide(bigquery, by_command, Outcome.OVERTURNED, "ann", NOON + timedelta(days=1))
    for rows in (stored(bigquery, run), query(bigquery, f"{ROWS} DESC LIMIT 2", run)):
        here, there = (
            {name: value for name, value in row.items() if not differs(name)} for row in rows
        )
        assert here == there
    notes = {row["note"].partition(" ")[0] for row in stored(bigquery, run)}
    assert notes == {"complaint"}
    assert [row["what"] for row in actions(bigquery, run)] == ["complaint-overturned"]


def differs(name):
    """Return whether a column names one of two posts, or when it was written."""
    return name.endswith(("_id", "_at", "note", "offset", "open_until")) and name != "policy_id"


def test_all_who_complain_about_a_decision_are_answered_at_once_and_only_once(
    bigquery, run, reviewer, judged, complain
):
    judged("violates")
    complain(0, 1, "A"), complain(0, 2, "B")
    ann = reviewer()
    asked = Asked.of(ann.visit(f"/review?queue=complaints&since={DAY}"))
    assert count_waiting(ann.visit("/"), asked).by_policy == {"spam": 1}
    page = ann.queue("complaints")
    for _ in range(2):
        ann.press(page, "v", note="as <b>the rule</b> says")
    assert ann.said == "Violates: the 2 complaints are upheld."
    assert {row["state"] for row in query(bigquery, OUTCOMES, run)} == {"upheld"}
    assert len(query(bigquery, ROWS, run)) == 2 + 2
    assert len(actions(bigquery, run)) == 2
    assert all(row["note"].endswith(": as <b>the rule</b> says") for row in stored(bigquery, run))


def test_a_slip_is_decided_anew_and_the_later_word_counts(
    bigquery, run, reviewer, judged, complain
):
    judged("violates")
    complain(0, 1)
    ann = reviewer()
    again = ann.press(ann.press(ann.queue("complaints"), "s"), "u")
    assert "overturned" in again
    assert "stays as it was decided" in ann.said
    ann.press(again, "v")
    (row,) = query(bigquery, OUTCOMES, run)
    assert row["state"] == "upheld"
    assert [row["label"] for row in labels(bigquery, run)] == ["violates"]


def test_a_word_that_somebody_comes_back_to_is_on_record_again(
    bigquery, run, reviewer, judged, complain
):
    judged("violates")
    complain(0, 1)
    ann = reviewer()
    page = ann.queue("complaints")
    for key in "svs":
        ann.press(page, key)
    said = [row["what"].removeprefix("complaint-") for row in actions(bigquery, run)]
    assert said == ["overturned", "upheld", "overturned"]


def test_the_second_of_two_on_one_complaint_is_told_and_overwrites_nothing(
    bigquery, run, reviewer, judged, complain
):
    judged("violates")
    complain(0, 1)
    ann, bea = reviewer("ann"), reviewer("bea")
    at_once = bea.queue("complaints")
    ann.press(ann.queue("complaints"), "s")
    with pytest.raises(RefusedError, match="ann has decided this complaint meanwhile"):
        bea.press(at_once, "v")
    assert [row["reviewer"] for row in stored(bigquery, run)] == ["ann"]


def test_who_comes_second_is_shown_the_post_again_with_why_and_the_way_on(
    bigquery, run, reviewer, judged, complain
):
    judged("violates", "violates")
    complain(0, 1)
    complain(1, 2)
    with console_beside(Setup(bigquery, OnLoopback("bea"), run=run)) as console:
        at_once = Answered(f"{console}review/next?queue=complaints&since={DAY}").page
        ann = reviewer("ann")
        ann.press(ann.queue("complaints"), "s")
        to, form = sent(at_once, "violates")
        refused = Answered(f"{console}{to[1:]}", form | {"note": "what I thought"})
    assert refused.status == 409
    assert "ann has decided this complaint meanwhile, as overturned" in refused.page
    assert "what I thought</textarea>" in refused.page
    assert number(refused.page) == 0
    assert 'name="verdict"' not in refused.page
    assert "yours is a second decision" not in refused.page
    assert number(reviewer("bea").press(refused.page, "k")) == 1


def test_a_complaint_about_a_decision_that_is_gone_holds_up_no_other(
    bigquery, run, reviewer, judged, complain
):
    judged("violates")
    gone = {
        "complaint_id": f"{run}-gone",
        "run": run,
        "decision_id": "gone",
        "policy_id": "spam",
        "created_at": NOON,
        "decision": "violates",
        "open_until": NOON,
        "state": "open",
        "changed_at": NOON,
    }
    insert(bigquery, "complaints", gone)
    complain(0, 1)
    ann = reviewer()
    page = ann.queue("complaints")
    assert "The decision is gone" in page
    assert number(ann.press(page, "k")) == 0
