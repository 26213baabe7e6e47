"""The page of a post: its whole way, and what a reviewer does from there."""

import json
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pyarrow as pa
import pytest

from tests.integration.bigquery.cases import write
from tests.integration.console.test_posts import change
from tests.integration.stored import put
from tests.integration.test_evaluate import OLD, record
from tests.rows import NOON, human_label, screening, verdict
from tests.scripted_server import SAFE, VIOLATES, ScriptedServer, chat
from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.posts import appeal_pages, complaining, post_pages
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import Moved, RefusedError, Shown, Visit
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.reviews.appeal import AppealError
from weir.pipelines.reviews.complaints import ComplaintError
from weir.pipelines.settings.engines import engine_factory
from weir.policies.policy import PolicySet
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.records import CHANGE

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def settings(bigquery):
    """Return the dataset, with the text of a policy that no folder has any more."""
    record(bigquery, OLD)
    return bigquery


@pytest.fixture
def decided(settings, run):
    """Return the id of a decision on a post that a head escalated, and a person reviewed."""
    put(settings, "screenings", [screening(run, 1, spam="escalate", hate="clear")])
    judged = {"policy_version": OLD.version, "judged_at": NOW, "tokens_in": 100, "tokens_out": 7}
    asked = {"engine": "endpoint", "model": "gpt-oss-safeguard:20b", "tokens_cached": 90}
    row = verdict(run, 1, "spam", "violates", text=f"<b>{run}</b>", **judged, **asked)
    put(settings, "verdicts", [row, row])
    return row["decision_id"]


def visit(settings, run, decision_id, *, form=(), engine=None, kafka=None, topic="", **query):
    setup = Setup(
        settings, OnLoopback(), kafka, run="live", flagged_topic=topic or "none", engine=engine
    )
    asked = {"day": "2026-03-04", "run": run} | query
    path = {"decision_id": decision_id}
    person = Person("ann", Role.REVIEWER)
    return Visit(setup, person, "/posts/x", path, asked, dict(form), now=datetime.now(UTC))


def html(shown, seen):
    assert isinstance(shown, Shown)
    return fill(shown.template, shown.values, bare=False, visit=seen, rooms=(), said="")


def rows(settings, sql, run):
    with open_dataset(settings) as dataset:
        return dataset.rows(sql, run=run)


def test_the_page_of_a_post_has_the_text_of_the_policy_that_was_in_force(settings, run, decided):
    seen = visit(settings, run, decided)
    page = html(post_pages.show(seen), seen)
    assert "An old line." in page
    assert OLD.version in page
    assert f"&lt;b&gt;{run}&lt;/b&gt;" in page
    assert f"<b>{run}</b>" not in page.replace("&lt;b&gt;", "").replace("&lt;/b&gt;", "")


def test_what_a_post_is_labelled_and_costs_is_what_the_views_say(settings, run, decided):
    shown = post_pages.show(visit(settings, run, decided))
    assert isinstance(shown, Shown)
    way = shown.values["way"]
    labels = "SELECT * FROM `{dataset}.labels` WHERE run = @run ORDER BY policy_id"
    assert way.labels == rows(settings, labels, run)
    (cost,) = rows(
        settings,
        "SELECT tokens_computed, requests FROM `{dataset}.judge_cost` WHERE run = @run",
        run,
    )
    (judged,) = way.judged
    assert (judged["tokens_computed"], judged["requests_taken"]) == (17, 1.0)
    assert cost == {"tokens_computed": 17, "requests": 1.0}


def test_scores_stand_beside_the_thresholds_on_the_card_of_the_screen(settings, run):
    version = f"screen-{uuid.uuid4().hex[:8]}"
    card = {
        "heads": [{"policy_id": "spam", "first_stage": {"threshold": 0.25}, "both_stages": None}]
    }
    with open_dataset(settings) as dataset:
        dataset.rows(
            "INSERT INTO `{dataset}.screens` (screen_version, card) VALUES (@version, @card)",
            version=version,
            card=json.dumps(card),
        )
    row = screening(run, 1, screen_version=version, spam="escalate", stored={"stages": 1})
    put(settings, "screenings", [row])
    shown = post_pages.show(visit(settings, run, row["decision_id"]))
    assert isinstance(shown, Shown)
    assert [each["threshold"] for each in shown.values["policies"]] == [0.25]


def test_an_id_alone_leads_to_the_page_with_its_day_and_run(settings, run, decided):
    moved = post_pages.show(visit(settings, "", decided, day=""))
    assert moved == Moved(f"/posts/{decided}?day=2026-03-04&run={run}")


@pytest.mark.parametrize("decision_id", ["none", "'; DROP TABLE x; --", "100%", "x" * 5_000])
def test_an_id_that_nothing_has_is_not_found_and_says_where_to_look(settings, run, decision_id):
    with pytest.raises(RefusedError, match="search for it on Posts") as raised:
        post_pages.show(visit(settings, run, decision_id))
    assert raised.value.status is HTTPStatus.NOT_FOUND


def test_a_day_that_is_none_is_refused(settings, run, decided):
    with pytest.raises(RefusedError, match="day is no day"):
        post_pages.show(visit(settings, run, decided, day="tomorrow"))


def test_other_decisions_changes_and_dead_letters_stand_beside_a_post(settings, run, decided):
    other = f"{run}-other"
    put(settings, "verdicts", [verdict(other, 1, "spam", "safe")])
    changed = change(1, "edited") | {"run": run, "decision_id": f"{run}-change"}
    write(settings, "post_changes", [pa.RecordBatch.from_pylist([changed], CHANGE)], run)
    shown = post_pages.show_others(visit(settings, run, decided)).values
    assert other in {row["run"] for row in shown["others"]}
    assert run not in {row["run"] for row in shown["others"]}
    assert [row["change"] for row in shown["changes"]] == ["edited"]


def test_a_complaint_is_recorded_once_and_a_person_who_overturns_it_has_the_last_word(
    settings, run, decided
):
    form = {"decision": decided, "policy": "spam", "reference": "17"}
    for _ in range(2):
        complaining.complain(visit(settings, run, decided, form=form))
    outcomes = "SELECT complaint_id FROM `{dataset}.complaint_outcomes` WHERE run = @run"
    (complaint,) = rows(settings, outcomes, run)
    settled = {"complaint": complaint["complaint_id"], "outcome": "overturned"}
    for _ in range(2):
        complaining.decide_one(visit(settings, run, decided, form=settled))
    labels = (
        "SELECT label, reviewer FROM `{dataset}.labels` WHERE run = @run AND policy_id = 'spam'"
    )
    assert rows(settings, labels, run) == [{"label": "safe", "reviewer": "ann"}]
    done = "SELECT what, person FROM `{dataset}.console_actions` WHERE run = @run ORDER BY what"
    assert rows(settings, done, run) == [
        {"what": "complaint-open", "person": "ann"},
        {"what": "complaint-overturned", "person": "ann"},
    ]


def test_a_complaint_about_what_is_not_there_is_refused_and_recorded_nowhere(settings, run):
    with pytest.raises(ComplaintError, match="has no such decision"):
        complaining.complain(visit(settings, run, "none", form={"decision": "none"}))
    done = "SELECT what FROM `{dataset}.console_actions` WHERE run = @run"
    assert rows(settings, done, run) == []


def asked_again(settings, run, decided, said, **engine):
    """Ask a server that says this, and return the answer's values once it is there."""
    with closing(ScriptedServer()) as server:
        server.then = chat(said)
        endpoint = EndpointOptions(endpoint_url=server.url, **engine)
        factory = engine_factory(JudgeOptions(engine="endpoint"), endpoint, PolicySet(()))
        moved = appeal_pages.begin(visit(settings, run, decided, engine=factory))
        asked = moved.to.partition("?")[0].rpartition("/")[2]
        assert appeal_pages._KEPT[asked].ended.wait(60)
        seen = visit(settings, run, decided)
        answered = appeal_pages.show(
            Visit(seen.setup, seen.person, "", seen.path | {"asked": asked}, seen.query)
        )
        return answered.values["asking"], html(answered, seen)


@pytest.mark.parametrize(("said", "now"), [(VIOLATES, "violates"), (SAFE, "safe")])
def test_the_judge_is_asked_again_and_nothing_of_its_answer_is_stored(
    settings, run, decided, said, now
):
    asking, page = asked_again(settings, run, decided, said)
    assert asking.problem is None
    assert (asking.compared.recorded["verdict"], asking.compared.now["verdict"]) == (
        "violates",
        now,
    )
    assert "It is not stored" in page
    verdicts = "SELECT COUNT(*) AS n FROM `{dataset}.distinct_verdicts` WHERE run = @run"
    assert rows(settings, verdicts, run) == [{"n": 1}]
    done = "SELECT what, subject FROM `{dataset}.console_actions` WHERE run = @run"
    assert rows(settings, done, run) == [{"what": "appeal", "subject": decided}]


def test_no_other_model_than_the_one_that_decided_is_sent_the_post(settings, run, decided):
    asking, page = asked_again(settings, run, decided, SAFE, endpoint_model="another")
    assert "it was decided by gpt-oss-safeguard:20b" in asking.problem
    assert "it was decided by gpt-oss-safeguard:20b" in page


def test_a_post_whose_text_is_not_stored_cannot_be_judged_again(settings, run):
    row = verdict(run, 1, "spam", "violates", text="")
    put(settings, "verdicts", [row])
    with pytest.raises(AppealError, match="was not stored"):
        appeal_pages.begin(visit(settings, run, row["decision_id"], engine=lambda: None))


def test_copies_on_the_flagged_topic_are_found_by_the_time_of_the_verdict(
    settings, run, decided, kafka
):
    brokers, topic = KafkaSettings(kafka), f"flagged-{uuid.uuid4().hex[:8]}"
    with closing(brokers.producer()) as producer:
        for ce_id in ("another", decided):
            headers = [("ce_id", ce_id.encode()), ("ce_type", b"org.weir.violation.v1")]
            producer.send(topic, value=b"{}", headers=headers).get(timeout=30)
    shown = post_pages.show_flagged(
        visit(settings, run, decided, kafka=brokers, topic=topic)
    ).values
    (copy,) = shown["found"].found
    assert (copy.decision_id, copy.kind) == (decided, "violation")


def test_without_brokers_the_flagged_topic_is_said_not_to_have_been_looked_at(
    settings, run, decided
):
    assert (
        "given no brokers" in post_pages.show_flagged(visit(settings, run, decided)).values["why"]
    )


def test_a_review_of_a_post_stands_on_its_page(settings, run, decided):
    review = human_label(run, 1, "spam", "safe", note="<i>meant as a joke</i>")
    later = {"reviewed_at": NOON + timedelta(days=1), "policy_version": OLD.version}
    put(settings, "human_labels", [review | later])
    seen = visit(settings, run, decided)
    assert "&lt;i&gt;meant as a joke&lt;/i&gt;" in html(post_pages.show(seen), seen)
