"""Review in the console: queues, one post at a time, and undo."""

import re
from html import unescape

import numpy as np
import pytest

from tests.integration.console.reviewing import DAY, HANDLERS, actions, labels, number, stored
from tests.integration.stored import put
from tests.rows import NOON, human_label, verdict
from weir.pipelines.console.people import Role
from weir.pipelines.console.review import queues
from weir.pipelines.console.review.pages import PAGES
from weir.pipelines.console.review.queues import AT_ONCE, Asked, count_waiting
from weir.pipelines.console.visit import RefusedError
from weir.pipelines.reviews.sample import sample


def test_a_queue_is_decided_to_its_end_and_each_decision_is_a_row_with_who_and_when(
    bigquery, run, reviewer, judged, monkeypatch
):
    monkeypatch.setattr(queues, "AT_ONCE", 3)
    judged(*["violates"] * 5)
    ann = reviewer()
    page, seen = ann.queue("all"), []
    while (post := number(page)) is not None:
        seen.append(post)
        page = ann.press(page, "s" if post % 2 else "v", note=f"of {post}")
    assert sorted(seen) == list(range(5))
    assert "That was the last one" in page
    found = {
        (row["offset"], row["human_verdict"], row["reviewer"], row["policy_version"], row["note"])
        for row in stored(bigquery, run)
    }
    assert found == {(n, "safe" if n % 2 else "violates", "ann", "v1", f"of {n}") for n in range(5)}
    assert len(stored(bigquery, run)) == len(found)
    assert len({row["reviewed_at"] for row in stored(bigquery, run)}) == len(found)
    assert {row["human_verdict"] for row in labels(bigquery, run)} == {"violates", "safe"}
    recorded = actions(bigquery, run)
    assert [row["what"] for row in recorded] == ["review-decide"] * len(found)
    assert {row["person"] for row in recorded} == {"ann"}


def test_the_random_sample_is_what_the_export_would_give(bigquery, run, reviewer, judged):
    judged(*["violates"] * 4, "safe")
    judged("violates", first=30, probability=0.5)
    exported = sample(bigquery, run, NOON.date(), None, most=2, again=False)
    ann = reviewer()
    page, seen = ann.queue("random", most=2), set()
    asked = Asked.of(ann.visit(f"/review?queue=random&most=2&since={DAY}"))
    assert count_waiting(ann.visit("/"), asked).by_policy == {"spam": len(exported)}
    while number(page) is not None:
        seen.add(f"{run}-spam-v1-{number(page)}")
        page = ann.press(page, "v")
    assert seen == {row["decision_id"] for row in exported}
    assert len(seen) == 2 + 1 + 1


def test_the_first_places_of_every_kind_come_first(reviewer, judged):
    judged(*["violates"] * 9, *["safe"] * 9)
    ann = reviewer()
    page = ann.queue("random")
    first, second = number(page), number(ann.press(page, "k"))
    assert {first < 9, second < 9} == {True, False}


@pytest.mark.parametrize(
    ("queue", "changes", "waits"),
    [
        ("disagreement", {"verdict": "safe", "score": 0.7}, True),
        ("disagreement", {"verdict": "safe", "score": 0.3}, False),
        ("disagreement", {"verdict": "violates", "score": 0.1, "route": "audit"}, True),
        ("disagreement", {"verdict": "violates", "score": 0.1, "route": "beside"}, True),
        ("disagreement", {"verdict": "violates", "score": 0.7}, False),
        ("disagreement", {"verdict": "safe", "score": None, "route": "forced"}, False),
        ("doubt", {"probability": 0.5}, True),
        ("doubt", {"verdict": "indeterminate", "probability": None}, True),
        ("doubt", {"probability": 0.9}, False),
        ("all", {"probability": 0.9}, True),
    ],
)
def test_what_waits_in_a_queue(reviewer, judged, queue, changes, waits):
    judged("violates", **changes)
    page = reviewer().queue(queue)
    assert number(page) == (0 if waits else None)


def test_a_queue_of_one_policy_has_no_other(bigquery, run, reviewer, judged):
    judged("violates")
    put(bigquery, "verdicts", [verdict(run, 0, "hate", "violates", text="post number 7.")])
    ann = reviewer()
    assert number(ann.queue("all", policy="hate")) == 7
    asked = Asked.of(ann.visit(f"/review?queue=all&since={DAY}"))
    assert count_waiting(ann.visit("/"), asked).by_policy == {"hate": 1, "spam": 1}


def test_a_skipped_post_comes_when_the_queue_begins_anew(reviewer, judged):
    judged("violates", "violates")
    ann = reviewer()
    page = ann.queue("all")
    skipped = number(page)
    page = ann.press(ann.press(page, "k"), "v")
    assert number(page) is None
    assert number(ann.queue("all")) == skipped


def test_blind_is_what_the_machine_said_hidden_until_one_has_decided(reviewer, judged):
    judged("violates", "violates", rationale="SECRET", model="MODEL", rule_ids=["R77"])
    ann = reviewer()
    for queue in ("random", "all&blind=1"):
        page = ann.queue(queue)
        assert not re.search("SECRET|MODEL|R77|90 %|/posts/", page)
    assert "SECRET" in ann.queue("all")
    page = ann.press(ann.queue("random"), "s")
    assert not re.search("SECRET|MODEL|R77", page)
    (told,) = set(re.findall(r'data-from="(/review/decided[^"]*)"', page))
    assert re.search("the judge did not.*SECRET", ann.open(unescape(told)), re.DOTALL)


def test_undo_takes_a_decision_back_and_shows_the_post_again(bigquery, run, reviewer, judged):
    judged(*["violates"] * 3)
    ann = reviewer()
    page = ann.queue("all")
    first = number(page)
    after = ann.press(page, "s", note="a slip")
    second = number(after)
    again = ann.press(after, "u")
    assert ann.said == "Undone: it does not count."
    assert number(again) == first
    assert [row["human_verdict"] for row in labels(bigquery, run)] == [None] * 3
    assert number(ann.press(again, "v")) == second
    assert labels(bigquery, run)[first]["human_verdict"] == "violates"
    assert [row["human_verdict"] for row in stored(bigquery, run)] == ["safe", "undone", "violates"]
    ann.press(ann.press(page, "v"), "u")
    assert [row["what"] for row in actions(bigquery, run)] == [
        *("review-decide", "review-undo", "review-decide", "review-undo")
    ]


def test_an_undo_that_is_sent_twice_is_one(bigquery, run, reviewer, judged):
    judged("violates")
    ann = reviewer()
    after = ann.press(ann.queue("all"), "s")
    ann.press(after, "u")
    ann.press(after, "u")
    assert [row["human_verdict"] for row in stored(bigquery, run)] == ["safe", "undone"]
    assert len(actions(bigquery, run)) == 2


def test_ten_thousand_wait_and_twenty_are_fetched(bigquery, run, reviewer, judged):
    judged(*["violates"] * 10_000)
    ann = reviewer()
    asked = Asked.of(ann.visit(f"/review?queue=all&since={DAY}"))
    assert count_waiting(ann.visit("/"), asked).by_policy == {"spam": 10_000}
    page = ann.queue("all")
    assert f"{AT_ONCE - 1} more after this one" in page
    assert len(page) < 12_000


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/review?queue=nope", 400),
        ("/review?queue=all&since=yesterday", 400),
        ("/review?queue=all&label=violates", 400),
        ("/review?queue=random&most=51", 400),
        ("/review?queue=second&share=0", 400),
        ("/review?queue=all&policy=%3Cb%3E", 400),
        ("/review/post?post=nothing", 400),
        ("/review/post?post=a~spam~99999999999999999", 400),
        ("/review/post?post=gone~spam~1", 404),
    ],
)
def test_an_address_that_means_nothing_is_refused_in_a_sentence(reviewer, address, status):
    with pytest.raises(RefusedError) as refused:
        reviewer().open(address)
    assert refused.value.status == status


def test_only_a_reviewer_may_decide_and_a_reader_sees_what_waits():
    for page in PAGES:
        expected = Role.REVIEWER if page.changes else Role.READER
        assert page.role >= expected, page.path
    assert HANDLERS["/review"].role is Role.READER


def test_two_reviewers_are_given_different_orders(reviewer, judged):
    judged(*["violates"] * 20)
    orders = []
    for name in ("ann", "bea"):
        page = reviewer(name).queue("all")
        orders.append(re.search(r'name="then" value="([^"]*)"', page)[1])
    assert orders[0] != orders[1]
    assert np.unique(orders[0].split()).size == AT_ONCE - 1


def test_what_was_looked_for_in_posts_is_a_queue(bigquery, run, reviewer, judged):
    judged("violates", "violates", rule_ids=["R7"])
    judged("violates", first=5, rule_ids=["R8"])
    judged("violates", first=6, rule_ids=["R8"], policy_version="v2")
    said = human_label(run, 6, "spam", "safe", reviewer="ann", policy_version="v2")
    put(bigquery, "human_labels", [said])
    ann, more = reviewer(), {"rule": "R8", "until": DAY}
    page = ann.queue("filter", **more)
    assert number(page) == 5
    asked = Asked.of(ann.visit(f"/review?queue=filter&since={DAY}&rule=R8&until={DAY}"))
    assert count_waiting(ann.visit("/"), asked).by_policy == {"spam": 1}
    ann.press(page, "v")
    assert number(ann.queue("filter", **more)) is None
    assert number(reviewer("bea").queue("filter", **more)) in (5, 6)
    with pytest.raises(RefusedError, match="since"):
        ann.open("/review?queue=filter&since=yesterday")
