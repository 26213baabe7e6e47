"""Reviews in the console while something else happens, and what is sent twice."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.console.desk import Answered
from tests.integration.console.reviewing import DAY, actions, labels, number, sent, stored
from tests.integration.stored import put
from tests.rows import NOON, screening, verdict
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.review import deciding
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.setup import Setup


def test_a_decision_that_is_sent_twice_is_stored_once(bigquery, run, reviewer, judged):
    judged("violates", "violates")
    ann = reviewer()
    page = ann.queue("all")
    ann.press(page, "v", note="why")
    ann.press(page, "v", note="why")
    assert "stored already" in ann.said
    assert len(stored(bigquery, run)) == len(actions(bigquery, run)) == 1


def test_a_double_click_is_stored_once(bigquery, run, reviewer, judged):
    judged("violates", "violates")
    page = reviewer().queue("all")
    clicks = [threading.Thread(target=reviewer().press, args=(page, "v")) for _ in range(2)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    assert len(stored(bigquery, run)) == len(actions(bigquery, run)) == 1


def test_the_back_button_and_another_key_is_a_change_of_mind(bigquery, run, reviewer, judged):
    judged("violates", "violates")
    ann = reviewer()
    page = ann.queue("all")
    ann.press(page, "v")
    ann.press(page, "s")
    assert labels(bigquery, run)[number(page)]["human_verdict"] == "safe"


def test_what_failed_is_stored_once_when_it_is_sent_again(
    bigquery, run, reviewer, judged, monkeypatch
):
    judged("violates", "violates")
    ann = reviewer()
    page = ann.queue("all")
    away = replace(bigquery, grpc_endpoint="127.0.0.1:9", rest_endpoint="http://127.0.0.1:9")
    here, ann.setup = ann.setup, replace(ann.setup, bigquery=away)
    with pytest.raises(TablesError):
        ann.press(page, "s", note="long thought about")
    ann.setup = here
    # Away again, between the decision and the record of it.
    monkeypatch.setattr(deciding, "record", fail)
    with pytest.raises(TablesError):
        ann.press(page, "s", note="long thought about")
    monkeypatch.undo()
    ann.press(page, "s", note="long thought about")
    (row,) = stored(bigquery, run)
    assert (row["human_verdict"], row["note"]) == ("safe", "long thought about")
    assert len(actions(bigquery, run)) == 1


def fail(*_args, **_more):
    raise TablesError("BigQuery does not answer.")


def test_another_console_goes_on_where_one_ended(bigquery, run, reviewer, judged):
    judged(*["violates"] * 2)
    page = reviewer().queue("all")
    page = reviewer().press(page, "v")
    again = reviewer()
    while number(page) is not None:
        page = again.press(page, "s")
    assert sorted(row["offset"] for row in stored(bigquery, run)) == [0, 1]


def test_what_was_sent_to_a_console_as_it_ended_is_sent_again_to_the_next_and_stored_once(
    bigquery, run, judged
):
    judged("violates", "violates")
    setup = Setup(bigquery, OnLoopback("ann"), run=run)
    with console_beside(setup) as console:
        page = Answered(f"{console}review/next?queue=all&since={DAY}").page
        to, form = sent(page, "safe")
        Answered(f"{console}{to[1:]}", form)
    with console_beside(setup) as console:
        after = Answered(f"{console}{to[1:]}", form).page
        assert {number(page), number(after)} == {0, 1}
        Answered(f"{console}{to[1:]}", sent(after, "violates")[1])
    verdicts = [row["human_verdict"] for row in stored(bigquery, run)]
    assert verdicts == ["safe", "violates"]
    assert len(actions(bigquery, run)) == 2


def test_a_review_while_the_policy_changed_shows_both_versions_and_is_of_the_one_shown(
    bigquery, run, reviewer, judged
):
    for version in ("v1", "v2", "v3"):
        row = {"policy_version": version, "policy_id": "spam", "text": f"text of {version}"}
        insert(bigquery, "policies", row | {"rules": '{"S1": "no <b>offers</b>"}'})
    judged("violates", "violates")
    judged("violates", first=9, policy_version="v2", judged_at=NOON + timedelta(hours=1))
    ann = reviewer()
    page = ann.queue("all")
    while number(page) == 9:
        page = ann.press(page, "k")
    assert "The policy has changed: v2 is in force now" in page
    assert "text of v1" in page
    assert "text of v2" in page
    assert "no &lt;b&gt;offers" in page
    judged("violates", first=8, policy_version="v3", judged_at=NOON + timedelta(hours=2))
    ann.press(page, "v")
    assert "v3 is in force now, and yours is stored under v1" in ann.said
    (row,) = stored(bigquery, run)
    assert row["policy_version"] == "v1"


def test_a_post_that_was_judged_again_meanwhile_waits_anew(bigquery, run, reviewer, judged):
    judged("violates")
    ann = reviewer()
    page = ann.queue("all")
    later = NOON + timedelta(hours=1)
    again = verdict(
        run, 0, "spam", "safe", policy_version="v2", judged_at=later, text="post number 0."
    )
    put(bigquery, "verdicts", [again])
    ann.press(page, "v")
    assert "judged by version v2 meanwhile: yours stands under v1" in ann.said
    assert number(ann.queue("all")) == 0


def test_a_post_whose_author_took_it_back_says_so(bigquery, run, reviewer, judged):
    judged("violates", "violates")
    ann = reviewer()
    page = ann.queue("all")
    sql = (
        "INSERT INTO `{dataset}.post_changes` "
        "(decision_id, run, topic, content_id, `partition`, `offset`, change, changed_at, "
        "recorded_at) "
        "SELECT id, @run, 'posts', id, 0, 99, 'deleted', @at, @at FROM UNNEST(['p0', 'p1']) AS id"
    )
    ann.visit("/").rows(sql, at=NOON + timedelta(hours=1), run=run)
    ann.press(page, "v")
    assert "Its author has deleted this post." in ann.said
    assert number(ann.queue("all")) is None
    assert len(stored(bigquery, run)) == 1


@pytest.mark.parametrize("text", ["", "hmac-sha256:" + "0" * 64])
def test_a_post_without_its_text_says_so_and_may_be_decided(bigquery, run, reviewer, judged, text):
    judged("violates", text=text)
    ann = reviewer()
    page = ann.queue("all")
    assert "The text of this post was not stored" in page
    assert "hmac" not in page
    ann.press(page, "s")
    assert len(stored(bigquery, run)) == 1


def test_a_cleared_post_is_reviewed_by_the_version_in_force(bigquery, run, reviewer, judged):
    judged("violates")
    put(bigquery, "screenings", [screening(run, 5, spam="clear", hate="clear")])
    ann = reviewer()
    micros = int(NOON.timestamp() * 1_000_000)
    post = f"{run}-screen-s1-5~spam~{micros}"
    page = ann.open(f"/review/post?queue=all&since={DAY}&post={post}")
    assert "The screen cleared it. The screen: " in " ".join(page.split())
    assert "no policy's judge read this post" in page
    ann.press(page, "v")
    (row,) = stored(bigquery, run)
    assert (row["offset"], row["policy_version"]) == (5, "v1")


def test_a_cleared_post_is_shown_with_the_text_that_another_policys_verdict_has(
    bigquery, run, reviewer
):
    put(bigquery, "screenings", [screening(run, 5, spam="clear", hate="escalate")])
    put(bigquery, "verdicts", [verdict(run, 5, "hate", "safe", text="post number 5.")])
    post = f"{run}-screen-s1-5~spam~{int(NOON.timestamp() * 1_000_000)}"
    page = reviewer().open(f"/review/post?queue=all&since={DAY}&post={post}")
    assert number(page) == 5
    assert "The screen cleared it." in page
