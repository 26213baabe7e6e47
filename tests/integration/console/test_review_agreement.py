"""A second reviewer, how far both agree, and how far people agree with the judge."""

import re
from datetime import timedelta
from html import unescape

from tests.integration.console.reviewing import DAY, number, sent, stored
from tests.integration.stored import put
from tests.rows import NOON, human_label
from weir.pipelines.console.review.queues import is_for_second


def test_kappa_is_of_the_first_two_that_decided_by_policy(bigquery, run, reviewer):
    said = [("violates", "violates")] * 4 + [("safe", "safe")] * 5 + [("violates", "safe")]
    rows = []
    for n, (first, second) in enumerate(said):
        rows += [
            human_label(run, n, "spam", first, reviewer="ann"),
            human_label(run, n, "spam", second, reviewer="bea", reviewed_at=NOON + timedelta(1)),
            human_label(run, n, "spam", first, reviewer="cyd", reviewed_at=NOON + timedelta(2)),
        ]
    rows.append(human_label(run, 77, "spam", "safe", reviewer="ann"))
    put(bigquery, "human_labels", rows)
    page = reviewer().open(f"/review/agreement/figures?since={DAY}")
    cells = [re.sub(r"<[^>]*>", "", each) for each in re.findall(r"<td[^>]*>.*?</td>", page)]
    assert cells[:6] == ["10", "90.0%", "4", "1", "0", "5"]
    assert cells[6] == "0.80"


def test_where_two_differ_a_third_may_settle_it(reviewer, judged):
    judged("violates", "violates")
    ann, bea = reviewer("ann"), reviewer("bea")
    page = ann.queue("all")
    ann.press(page, "v")
    bea.open(*sent(page, "safe"))
    figures = bea.open(f"/review/agreement/figures?since={DAY}")
    assert "ann: violates" in figures
    link = re.search(r'<a href="([^"]*)">decide as a third', figures)[1]
    cyd = reviewer("cyd")
    assert number(cyd.open(unescape(link))) == number(page)
    cyd.press(cyd.open(unescape(link)), "s")
    assert "ann: violates" not in bea.open(f"/review/agreement/figures?since={DAY}")


def test_the_judge_is_measured_by_the_sample_and_each_review_stands_for_its_kind(
    bigquery, run, reviewer, judged
):
    judged(*["violates"] * 60)
    ann = reviewer()
    page = ann.queue("random", most=2)
    for key in "vs":
        page = ann.press(page, key)
    figures = ann.open(f"/review/agreement/figures?since={DAY}")
    cells = [re.sub(r"<[^>]*>", "", each) for each in re.findall(r"<td[^>]*>.*?</td>", figures)]
    assert cells == ["violates", "2", "60", "50.0%"]


def test_the_second_of_two_on_one_post_sees_that_the_first_has_decided(
    bigquery, run, reviewer, judged
):
    judged("violates")
    ann, bea = reviewer("ann"), reviewer("bea")
    at_once = bea.queue("random")
    ann.press(ann.queue("random"), "s")
    link = re.search(r'name="post" value="([^"]*)"', at_once)[1]
    later = bea.open(f"/review/post?queue=random&since={DAY}&post={link}")
    assert "ann has decided on it" in later
    assert "ann said" not in later
    bea.press(at_once, "v")
    assert "ann has decided too: yours is a second decision" in bea.said
    assert {row["reviewer"] for row in stored(bigquery, run)} == {"ann", "bea"}


def test_a_share_of_what_one_decided_waits_for_a_second(bigquery, run, reviewer, judged):
    judged(*["violates"] * 8)
    said = [human_label(run, n, "spam", "safe", reviewer="ann") for n in range(7)]
    put(bigquery, "human_labels", said)
    expected = {n for n in range(7) if is_for_second(f"{run}-spam-v1-{n}", 0.3)}
    ann, bea = reviewer("ann"), reviewer("bea")
    assert number(ann.queue("second", share=30)) is None
    seen, page = set(), bea.queue("second", share=30)
    while number(page) is not None:
        seen.add(number(page))
        page = bea.press(page, "v")
    assert seen == expected
