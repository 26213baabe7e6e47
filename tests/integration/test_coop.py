"""From the flagged topic to Coop and back; of Coop itself there is a stand-in."""

import json
from datetime import UTC, datetime

import pytest

from tests.integration.stored import put
from tests.rows import verdict
from tests.unit.test_flagged import flagged as made
from weir.pipelines.coop.callbacks import Action, AppealDecision, CallbackError
from weir.pipelines.coop.client import Answer, Coop
from weir.pipelines.coop.push import REASON, Pushed, push
from weir.pipelines.coop.stored import store_action, store_appeal
from weir.pipelines.demo import query
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics
from weir.transforms.write.flagged import EVENT_TYPE, WITHDRAWAL_TYPE
from weir.transforms.write.flagged_forms import FlaggedForm, Form

NOW = datetime.now(UTC)


def flagged(decision_id):
    names = ("content_id", "run", "policy_id", "policy_version", "created_at", "language", "text")
    body = dict.fromkeys((*names, "probability", "rule_ids", "rationale")) | {"rule_ids": ["R1"]}
    return json.dumps(body | {"decision_id": decision_id}).encode()


def test_every_message_is_sent_refused_or_left_out_and_the_refused_are_sent_again(kafka, run):
    settings = KafkaSettings(kafka)
    topic, refused = f"{run}-flagged", f"{run}-refused"
    ensure_topics(settings, [topic, refused], 1)
    violation, withdrawal = ([("ce_type", t.encode())] for t in (EVENT_TYPE, WITHDRAWAL_TYPE))
    with settings.producer() as producer:
        for number in range(5):
            producer.send(topic, flagged(f"d{number}"), headers=violation).get(30)
        producer.send(topic, flagged("d0"), headers=withdrawal).get(30)
        producer.send(topic, b"<html>", headers=violation).get(30)
        for form in (Form.AVRO, Form.CLOUDEVENTS):
            flag = FlaggedForm.of(form, 1).encoded(made(decision_id=f"in {form}"))
            producer.send(topic, flag.value, headers=list(flag.headers)).get(30)
    taken, wrong = [], {"d3"}

    def post(items):
        ids = {item["id"] for item in items}
        if ids & wrong:
            return Answer(400)
        taken.extend(sorted(ids))
        return Answer(202)

    def pushed(source):
        coop = Coop("https://coop.example", None)
        return push(settings, source, refused, coop, "weir-post", to_end=True, post=post)

    assert pushed(topic) == Pushed(read=9, sent=6, refused=1, unread=1, left_out=1)
    assert sorted(taken) == ["d0", "d1", "d2", "d4", "in avro", "in cloudevents"]
    assert pushed(topic) == Pushed()  # what was settled stays so
    consumer = settings.consumer(auto_offset_reset="earliest", consumer_timeout_ms=3000)
    consumer.subscribe([refused])
    why = {dict(record.headers)[REASON] for record in consumer}
    consumer.close()
    assert why == {b"HTTP 400", b"no flagged message"}


@pytest.fixture
def decided(bigquery, run):
    put(bigquery, "verdicts", [verdict(run, 1, "spam", "violates", judged_at=NOW)])
    return f"{run}-spam-v1-1"


def labels(settings, run):
    sql = "SELECT label, reviewer FROM `{dataset}.labels` WHERE run = @run"
    return [(row["label"], row["reviewer"]) for row in query(settings, sql, run)]


def test_a_moderators_action_is_a_review_once_and_an_old_one_sent_again_changes_nothing(
    bigquery, run, decided
):
    violates = Action(decided, "violates", "ann@example.org")
    safe = Action(decided, "safe", "ann@example.org")
    said = [store_action(bigquery, each) for each in (violates, safe, violates)]
    assert said == ["stored", "stored", "known already"]
    assert labels(bigquery, run) == [("safe", "ann@example.org")]
    rows = query(bigquery, "SELECT note FROM `{dataset}.human_labels` WHERE run = @run", run)
    assert len(rows) == 2


def test_what_a_rule_of_coops_did_is_no_persons_review(bigquery, run, decided):
    assert store_action(bigquery, Action(decided, "safe", None)).startswith("left out")
    assert labels(bigquery, run) == [("violates", None)]


def test_an_appeal_that_was_granted_is_a_complaint_that_overturned(bigquery, run, decided):
    granted = AppealDecision(decided, "a1", granted=True)
    assert [store_appeal(bigquery, granted) for _ in range(2)] == ["stored", "known already"]
    sql = "SELECT state, decided_by FROM `{dataset}.complaint_outcomes` WHERE run = @run"
    assert query(bigquery, sql, run) == [{"state": "overturned", "decided_by": "person"}]
    assert labels(bigquery, run) == [("safe", "coop")]


def test_an_item_that_weir_never_sent_is_refused(bigquery):
    with pytest.raises(CallbackError, match="no decision that is stored"):
        store_action(bigquery, Action("none", "safe", "ann@example.org"))
