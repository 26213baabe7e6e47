"""Now: its numbers are those of the views and of ``weir report``, on the same rows."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from urllib.parse import parse_qsl

import pytest

from tests.integration.stored import put
from tests.rows import dead_letter, human_label, screening, verdict
from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.now import decides, pages
from weir.pipelines.console.now.windows import labels
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.posts import pages as posts
from weir.pipelines.console.rooms import ROOMS
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import Visit
from weir.pipelines.report.figures import figures
from weir.pipelines.screening.recall import added_up, audit_days
from weir.policies.loading import LIBRARY

NOW = datetime.now(UTC)
LATELY, EARLIER = NOW - timedelta(minutes=10), NOW - timedelta(hours=5)


@pytest.fixture
def visit(bigquery, run):
    """A visit by somebody who looks, to a run of its own."""
    setup = Setup(bigquery, OnLoopback("ada"), run=run)
    return Visit(setup, Person("ada", Role.READER), "/now", query={"days": "7"}, now=NOW)


def at(rows, when):
    """Rows of posts that were written at a time, and decided then."""
    times = ("created_at", "screened_at", "judged_at", "reviewed_at", "died_at")
    return [row | {name: when for name in times if name in row} for row in rows]


@pytest.fixture
def stored(bigquery, run):
    shadow = {"mode": "enforce", "shadow_policies": ["hate"]}
    screened = [
        *at(
            [screening(run, 1, stored=shadow, spam="escalate", fraud="escalate", hate="clear")],
            LATELY,
        ),
        *at(
            [screening(run, 2, stored=shadow, spam="clear", fraud="clear", hate="escalate")], LATELY
        ),
        *at(
            [screening(run, 3, stored=shadow, spam="escalate", fraud="clear", hate="clear")], LATELY
        ),
        *at([screening(run, 4, stored=shadow, spam="audit", fraud="clear", hate="clear")], EARLIER),
    ]
    judged = [
        *at([verdict(run, 1, "spam", "violates"), verdict(run, 1, "fraud", "violates")], LATELY),
        *at([verdict(run, 2, "hate", "violates", mode="shadow")], LATELY),
        *at([verdict(run, 4, "spam", "safe", route="audit", inclusion_probability=0.1)], EARLIER),
    ]
    put(bigquery, "screenings", screened)
    put(bigquery, "verdicts", judged)
    put(bigquery, "human_labels", at([human_label(run, 1, "fraud", "safe")], LATELY))
    put(bigquery, "dead_letters", at([dead_letter(run, 9, "decode", "invalid_json")], LATELY))


@pytest.fixture
def harder(bigquery, run):
    """What the label of a post and the verdict on it may differ by, and a policy without a head."""
    screened = [screening(run, each, spam="forced", fraud="audit") for each in (11, 12, 13)]
    judged = [
        verdict(run, 11, "spam", "violates", route="forced"),
        verdict(run, 12, "spam", "safe", route="forced", model="another"),
        verdict(run, 11, "fraud", "indeterminate", route="audit", inclusion_probability=0.5),
        verdict(run, 12, "fraud", "violates", route="audit", inclusion_probability=0.5),
    ]
    put(bigquery, "screenings", at(screened, LATELY))
    put(bigquery, "verdicts", at(judged, LATELY))
    put(bigquery, "human_labels", at([human_label(run, 11, "spam", "safe")], LATELY))
    put(bigquery, "human_labels", at([human_label(run, 4, "spam", "violates")], EARLIER))
    insert(bigquery, "post_changes", deleted(run, 12))


def deleted(run, offset):
    """The row of a later message that says that the post was deleted."""
    return {
        "decision_id": f"{run}-change-{offset}",
        "run": run,
        "content_id": f"p{offset}",
        "topic": "posts",
        "partition": 0,
        "offset": 500 + offset,
        "change": "deleted",
        "changed_at": NOW,
        "recorded_at": NOW,
    }


def page(answer, visit):
    shared = {"visit": visit, "rooms": ROOMS, "said": ""}
    return fill(answer.template, answer.values, bare=False, **shared)


@pytest.mark.usefixtures("stored")
def test_posts_and_labels_of_the_hour_and_the_day_are_those_of_the_report(bigquery, run, visit):
    found = {(row.policy_id, row.mode): row.windows for row in labels(visit).rows}
    said = figures(bigquery, run, None)
    hour, day = found[None, "all"]
    assert (day.posts, day.escalated, day.violating) == (said.posts, said.escalated, said.flagged)
    assert (hour.posts, hour.escalated, hour.violating) == (3, 2, 1)
    for row in said.policies:
        _, day = found[row.policy_id, "enforce"]
        assert (day.escalated, day.violating, day.safe) == (row.escalated, row.violating, row.safe)
        assert (day.indeterminate, day.undecided) == (row.indeterminate, row.undecided)
    assert found["hate", "shadow"][1].violating == 1


@pytest.mark.usefixtures("stored")
def test_tiles_say_that_posts_are_counted_by_when_they_were_written(visit):
    shown = page(pages.show_labels(visit), visit)
    assert "counted by when they were written" in shown
    assert "<b>3.0</b><span>posts an hour" in shown


@pytest.mark.usefixtures("stored", "harder")
@pytest.mark.parametrize("show", [pages.show_labels, pages.show_judge, pages.show_recall])
def test_a_number_leads_to_exactly_the_posts_behind_it(visit, show):
    links = re.findall(r'<a href="/posts\?([^"]+)">(?:<b>)?([\d,]+)<', page(show(visit), visit))
    assert len(links) > 5
    for query, number in links:
        behind = dict(parse_qsl(unescape(query)))
        found = posts.show_rows(replace(visit, query=behind)).values["posts"]
        assert (behind, len(found)) == (behind, int(number))


def test_what_changed_says_what_it_counts_and_leads_to_it(bigquery, run, visit):
    rows = [verdict(run, 1, "spam", "violates"), verdict(run, 2, "spam", "safe", route="audit")]
    put(bigquery, "verdicts", at(rows, LATELY))
    (change,) = (each for each in decides.changes(visit, 7) if "spam v1" in each.subject)
    assert (
        change.why == "100.0% of 1 that the screen sent to the judge violate; audits are left out"
    )
    behind = dict(parse_qsl(change.to.partition("?")[2]))
    assert len(posts.show_rows(replace(visit, query=behind)).values["posts"]) == 1


@pytest.mark.usefixtures("stored")
def test_of_a_run_that_records_no_cleared_post_nobody_says_how_many_came(bigquery, run, visit):
    unknown = screening(run, 5, stored={"mode": "enforce", "record_cleared": 0.0}, spam="escalate")
    put(bigquery, "screenings", at([unknown], LATELY))
    (all_of_them, *_) = labels(visit).rows
    assert [each.posts for each in all_of_them.windows] == [None, None]


@pytest.mark.usefixtures("stored")
def test_each_part_is_filled_and_says_what_the_commands_say(bigquery, run, visit):
    (spam,) = (
        each
        for each in added_up(audit_days(bigquery, run, since=NOW.date() - timedelta(days=6)))
        if each.policy_id == "spam"
    )
    assert spam.words() in page(pages.show_recall(visit), visit)
    assert "invalid_json" in page(pages.show_dead(visit), visit)
    assert "exemplar" in page(pages.show_judge(visit), visit)
    decides = page(pages.show_decides(visit), visit)
    assert "fraud" in decides
    assert "s1" in decides


def test_a_policy_is_in_force_as_policies_says(visit):
    with_folder = replace(visit, setup=replace(visit.setup, policies=str(LIBRARY)))
    assert '<span class="tag safe">in force</span>' in page(
        pages.show_decides(with_folder), with_folder
    )


def test_what_changed_is_told_from_all_who_changed_it_the_latest_first(bigquery, run, visit):
    put(bigquery, "verdicts", at([verdict(run, 1, "spam", "violates")], EARLIER))
    promotion = {
        "run": run,
        "decided_at": LATELY,
        "step": "promote",
        "screen_version": "s2",
        "reason": "it finds more",
        "decided_by": "weir",
    }
    insert(bigquery, "promotions", promotion)
    action = {
        "action_id": run,
        "done_at": NOW - timedelta(minutes=5),
        "person": "grace",
        "role": "policy writer",
        "what": "policy-promote",
        "subject": f"spam-{run}",
    }
    insert(bigquery, "console_actions", action)
    shown = page(pages.show_changes(visit), visit)
    places = [shown.index(each) for each in (f"spam-{run}", "screen: promote", "spam v1")]
    assert places == sorted(places)


def test_without_a_post_each_part_says_so_kindly(visit):
    said = {
        pages.show_labels: "No post of the last day is stored",
        pages.show_judge: "Nothing was judged",
        pages.show_recall: "No post was screened",
        pages.show_dead: "None.",
        pages.show_decides: "There is no policy in the folder, and none judged",
    }
    for show, words in said.items():
        assert words in page(show(visit), visit)


def test_the_page_itself_asks_for_nothing_and_each_of_its_parts_has_a_page(bigquery, visit):
    away = replace(bigquery, rest_endpoint="http://127.0.0.1:1")
    nowhere = replace(visit, setup=replace(visit.setup, bigquery=away))
    shown = pages.show(nowhere)
    paths = {each.path for each in pages.PAGES}
    assert {to.partition("?")[0] for to, _, _ in shown.values["parts"]} == paths - {"/now"}
    with pytest.raises(TablesError, match="cannot be reached"):
        pages.show_labels(nowhere)


def test_tables_of_an_older_version_are_told_how_to_come_up_to_date(bigquery, run, visit):
    older = replace(bigquery, dataset=f"older_{run.replace('-', '_')}")
    with open_dataset(older) as dataset:
        dataset.client.create_dataset(dataset.name)
        dataset.rows("CREATE TABLE `{dataset}.decisions` (run STRING, created_at TIMESTAMP)")
    with pytest.raises(TablesError, match=r"weir tables"):
        pages.show_labels(replace(visit, setup=replace(visit.setup, bigquery=older)))


def test_days_are_counted_as_the_report_counts_them(visit):
    assert pages.show_dead(visit).values["since"] == NOW.date() - timedelta(days=6)
    assert isinstance(pages.show_dead(visit).values["since"], date)
