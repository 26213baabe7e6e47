"""Posts in the console: what is found equals what the view labels says."""

import re
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, groupby
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pytest

from tests.integration.analyst_views.cases import drawn, store
from tests.integration.bigquery.cases import write
from tests.integration.stored import put
from tests.rows import NOON, human_label, screening, verdict
from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.folding import fold_days, open_days
from weir.pipelines.bigquery.labels import labels_of
from weir.pipelines.bigquery.tables import create_tables
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.posts import pages, post_pages, search
from weir.pipelines.console.posts.filters import read_filter
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import RefusedError, Shown, Visit
from weir.transforms.records import CHANGE

NEWEST_FIRST = "created_at DESC, topic, `partition`, `offset`, policy_id"
ALL_TIME = {"since": "2026-01-01"}
# The address of a search, and what it means of the view.
SEARCHES = {
    "": "TRUE",
    "policy=spam": "policy_id = 'spam'",
    "label=violates": "label = 'violates'",
    "label=safe&policy=hate": "label = 'safe' AND policy_id = 'hate'",
    "label=indeterminate": "label = 'indeterminate'",
    "label=cleared": "label = 'cleared'",
    "label=undecided": "label = 'undecided'",
    "label=deferred": "deferred",
    "label=withdrawn": "label = 'withdrawn'",
    "label=superseded": "label = 'superseded'",
    "route=audit": "route = 'audit'",
    "route=clear": "route = 'clear'",
    "by=judge": "decided_by = 'judge'",
    "by=human": "decided_by = 'human'",
    "by=screen": "decided_by = 'screen'",
    "by=nobody": "decided_by IS NULL",
    "mode=shadow": "mode = 'shadow'",
    "mode=enforce or replay": "mode != 'shadow'",
    "route=escalate or forced": "route IN ('escalate', 'forced')",
    "judged=any": "verdict IS NOT NULL",
    "judged=violates": "verdict = 'violates'",
    "decided=violates": "decided_label = 'violates'",
    "decided=violates or safe&policy=spam": (
        "decided_label IN ('violates', 'safe') AND policy_id = 'spam'"
    ),
    "decided=cleared": "decided_label = 'cleared'",
    "decided=undecided": "decided_label = 'undecided'",
    "model=exemplar": "model = 'exemplar'",
    "version=v1": "policy_version = 'v1'",
    "screen=s1": "screen_version = 's1'",
    "mode=enforce&label=violates": "mode = 'enforce' AND label = 'violates'",
    "rule=R1&label=violates": "'R1' IN UNNEST(rule_ids) AND label = 'violates'",
    "author=robin": "author_id = 'robin'",
    "topic=posts&route=forced": "topic = 'posts' AND route = 'forced'",
    "topic=other": "topic = 'other'",
    "text=PERCENT %": "text = 'Percent % and more'",
    "text=it's \\ \" `": "STRPOS(text, CHR(39)) > 0",
    "id=p7": "content_id = 'p7'",
    "since=2026-03-05": "created_at >= TIMESTAMP '2026-03-05 00:00:00+00'",
    "until=2026-03-04": "created_at < TIMESTAMP '2026-03-05 00:00:00+00'",
    "since=2026-03-04T12:10&until=2026-03-04T12:20:30": (
        "created_at >= TIMESTAMP '2026-03-04 12:10:00+00' "
        "AND created_at < TIMESTAMP '2026-03-04 12:20:30+00'"
    ),
}


@pytest.fixture(scope="module")
def settings(bigquery):
    """Return a dataset of its own: two days of two runs, a third of whose rows stand twice."""
    own = replace(bigquery, dataset=f"posts_{uuid.uuid4().hex[:8]}")
    create_tables(own, create_dataset=True)
    store(own, "live", drawn(1, posts=40))
    store(own, "other", drawn(2, share=1.0, posts=10), 1.0)
    texts = {200: "Percent % and more", 201: "it's \\ \" ` <b>", 202: "hmac-sha256:percent %"}
    put(
        own,
        "verdicts",
        [
            verdict("live", offset, "spam", "violates", text=text, author_id="robin")
            for offset, text in texts.items()
        ],
    )
    changed = ((1, "deleted"), (2, "edited"), (200, "deleted"))
    rows = [change(offset, what) for offset, what in changed]
    write(own, "post_changes", [pa.RecordBatch.from_pylist(rows, CHANGE)], "live")
    return own


def change(offset, what):
    """Return the row of a later message that says that the post was edited or deleted."""
    return {
        "decision_id": f"change-{offset}",
        "run": "live",
        "content_id": f"p{offset}",
        "topic": "posts",
        "partition": 0,
        "offset": 500 + offset,
        "change": what,
        "changed_at": NOON + timedelta(days=3),
        "recorded_at": NOON,
        "author_id": None,
    }


def visit(settings, query="", *, role=Role.REVIEWER, run="live", form=(), **path):
    setup = Setup(settings, OnLoopback(), run=run)
    said = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    now = datetime(2026, 3, 6, 15, tzinfo=UTC)
    person = Person("ann", role)
    return Visit(setup, person, "/posts", path, ALL_TIME | said, dict(form), now=now)


def of_view(settings, where):
    with open_dataset(settings) as dataset:
        return dataset.rows(
            "SELECT created_at, topic, `partition`, `offset`, policy_id, label, decided_by, "
            "probability, score "
            f"FROM `{{dataset}}.labels` WHERE run = 'live' AND {where} ORDER BY {NEWEST_FIRST}"
        )


def shown(settings, query="", **more):
    """Return the posts that a search gives, page by page, as their rows show them."""
    posts, after = [], ""
    while True:
        values = pages.show_rows(visit(settings, f"{query}&after={after}", **more)).values
        assert len(values["posts"]) <= search.PAGE
        posts += values["posts"]
        if not values["further"]:
            return posts
        after = dict(parse_qsl(urlsplit(values["further"]).query))["after"]


def listed(settings, query):
    """Return the labels of each post that a search gives."""
    return [labels_of_row(post) for post in shown(settings, query)]


def labels_of_row(post):
    """Return the labels that a row of the list shows: the worst, those alike, the others."""
    assert post["worst"] == post["alike"][0]
    return [*post["alike"], *(row for _, those in post["others"] for row in those)]


def in_order(posts):
    """Return the labels of posts as the view has them, each post's by policy."""
    return [row for post in posts for row in sorted(post, key=lambda row: row["policy_id"])]


def same(rows, expected):
    names = expected[0].keys() if expected else ()
    return [{name: row[name] for name in names} for row in rows] == expected


@pytest.mark.parametrize(("query", "where"), SEARCHES.items())
def test_a_search_gives_what_the_view_says_the_newest_first(settings, query, where):
    expected = of_view(settings, where)
    assert expected or query == "topic=other"
    assert same(in_order(listed(settings, f"{query}&order=newest")), expected)


@pytest.mark.parametrize("query", ["", "judged=any", "by=human", "mode=shadow", "policy=spam"])
def test_what_violates_comes_first_and_then_what_the_judge_could_not_tell(settings, query):
    rows = of_view(settings, SEARCHES[query])
    posts = [sorted(labels, key=by_label) for _, labels in groupby(rows, key=search.message)]
    posts.sort(key=lambda labels: min(by_label(labels[0])[0], 2))
    found = listed(settings, query)
    assert same(
        [row for labels in found for row in labels], [row for each in posts for row in each]
    )


@pytest.mark.parametrize("query", ["label=safe", "judged=violates", "by=screen"])
def test_labels_of_a_kind_come_the_newest_first(settings, query):
    assert listed(settings, query) == listed(settings, f"{query}&order=newest")


def by_label(row):
    known = ("violates", "indeterminate", "undecided", "safe", "cleared")
    place = known.index(row["label"]) if row["label"] in known else len(known)
    sure = row["probability"] if row["probability"] is not None else row["score"]
    return place, -(sure or 0.0), row["policy_id"]


@pytest.mark.parametrize("order", ["", "newest"])
def test_pages_follow_each_other_without_a_gap_or_a_post_twice(settings, monkeypatch, order):
    at_once = listed(settings, f"mode=enforce&order={order}")
    monkeypatch.setattr(search, "PAGE", 7)
    monkeypatch.setattr(search, "_POSTS", (8, 12))
    assert listed(settings, f"mode=enforce&order={order}") == at_once


def test_a_post_is_a_row_whose_policies_lead_each_to_its_own_decision(settings, run):
    put(settings, "screenings", [screening(run, 1, spam="escalate", hate="escalate", self="clear")])
    put(
        settings, "verdicts", [verdict(run, 1, "spam", "safe"), verdict(run, 1, "hate", "violates")]
    )
    seen = visit(settings, run=run)
    answer = pages.show_rows(seen)
    html = fill(answer.template, answer.values, bare=True, visit=seen, rooms=(), said="")
    assert html.count("<tr>") == 1 + 1
    links = re.findall(r'href="(/posts/[^"]*)#([a-z]+)"', html)
    assert [policy for _, policy in links] == ["hate", "spam", "self", "hate"]
    for address, policy in links:
        assert f"{run}-{'screen' if policy == 'self' else policy}" in address
    assert re.findall(r"<summary>(.*?)</summary>", html) == ["1 safe, 1 cleared"]


def test_an_order_that_there_is_not_is_refused(settings):
    with pytest.raises(RefusedError, match="newest"):
        pages.show_rows(visit(settings, "order=oldest"))


@pytest.mark.parametrize("query", ["label=violates", "policy=spam&all=1", "by=human"])
def test_what_is_counted_is_what_the_view_counts(settings, query):
    counted = pages.show_count(visit(settings, query)).values["counted"]
    expected = of_view(settings, SEARCHES[query.removesuffix("&all=1")])
    labels = [row["label"] for row in expected]
    assert {row["label"]: row["rows_of_it"] for row in counted} == {
        label: labels.count(label) for label in set(labels)
    }


def test_most_of_a_stream_is_counted_once_somebody_asks(settings):
    assert pages.show_count(visit(settings)).values["counted"] is None


def test_a_search_for_a_decision_finds_all_labels_of_its_post(settings):
    row = of_view(settings, "content_id = 'p3'")
    with open_dataset(settings) as dataset:
        (screened,) = dataset.rows(
            "SELECT DISTINCT decision_id FROM `{dataset}.screenings` "
            "WHERE run = 'live' AND content_id = 'p3'"
        )
    assert same(in_order(listed(settings, f"id={screened['decision_id']}")), row)


def test_a_search_that_takes_too_long_says_how_far_it_came_and_goes_on_from_there(settings):
    seconds = count(step=1_000)
    posts: list[list[dict]] = []
    after, rounds = None, 0
    wanted = read_filter(visit(settings, "mode=shadow&route=audit"))
    with open_dataset(settings) as dataset:
        while rounds == 0 or after:
            found = search.search(
                dataset,
                wanted,
                after,
                datetime(2026, 3, 8, tzinfo=UTC),
                newest=True,
                clock=lambda: next(seconds),
            )
            posts, after, rounds = posts + found.posts, found.further, rounds + 1
    assert rounds > 2
    assert same(in_order(posts), of_view(settings, "mode = 'shadow' AND route = 'audit'"))


def test_labels_of_some_posts_are_those_of_the_view_on_folded_days_too(settings):
    days = [date(2026, 3, 4), date(2026, 3, 5)]
    fold_days(settings, days[:1], at_once=True)
    try:
        with open_dataset(settings) as dataset:
            some = labels_of(dataset, "run = @run AND content_id IN UNNEST(@some)")
            asked: dict[str, Any] = {"run": "live", "some": ["p0", "p1", "p2", "p7", "p200"]}
            columns = f"SELECT * EXCEPT (stages) FROM {{}} ORDER BY {NEWEST_FIRST}"
            view = (
                "(SELECT * FROM `{dataset}.labels` "
                "WHERE run = @run AND content_id IN UNNEST(@some))"
            )
            found, expected = (
                dataset.rows(columns.format(table).replace("{dataset}", dataset.name), **asked)
                for table in (some, view.replace("{dataset}", dataset.name))
            )
    finally:
        open_days(settings, days)
    assert found == expected
    assert {row["created_at"].date() for row in found} == set(days)


def test_what_a_post_says_is_shown_as_text_alone(settings, run):
    hostile = "<script>alert(1)</script> \u202eevil \x07 👩‍👩‍👧‍👦 " + "long " * 200_000
    put(settings, "verdicts", [verdict(run, 1, "spam", "violates", text=hostile)])
    seen = visit(settings, run=run)
    answer = pages.show_rows(seen)
    html = fill(answer.template, answer.values, bare=False, visit=seen, rooms=(), said="")
    assert "&lt;script&gt;" in html
    assert "<script>alert" not in html
    assert not {"\u202e", "\x07"} & set(html)
    assert len(html) < 10_000


def test_beside_what_a_person_said_stands_whose_the_other_columns_are(settings, run):
    put(settings, "verdicts", [verdict(run, 1, "spam", "violates", text="x")])
    put(settings, "human_labels", [human_label(run, 1, "spam", "safe", reviewer="ann")])
    seen = visit(settings, run=run)
    answer = pages.show_rows(seen)
    html = fill(answer.template, answer.values, bare=False, visit=seen, rooms=(), said="")
    assert "machine: violates" in html
    assert "Judge's probability" in html
    way = post_pages.show(
        visit(settings, f"run={run}&day=2026-03-04", decision_id=f"{run}-spam-v1-1")
    )
    assert isinstance(way, Shown)
    html = fill(way.template, way.values, bare=False, visit=seen, rooms=(), said="")
    assert "(ann); the machine, whose score, route and verdict follow, said violates" in html


def test_a_text_that_is_not_stored_is_said_to_be_not_stored(settings, run):
    rows = [
        verdict(run, 1, "spam", "violates", text=""),
        verdict(run, 2, "spam", "violates", text="hmac-sha256:" + "0" * 64),
    ]
    put(settings, "verdicts", rows)
    put(settings, "screenings", [screening(run, 3, spam="clear")])
    posts = shown(settings, run=run)
    assert [post["said"].text for post in posts] == [None] * 3
    assert len({post["said"].why_not for post in posts}) == 3
