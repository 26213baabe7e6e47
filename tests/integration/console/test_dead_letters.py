"""Dead letters in the console, against the views, the topics and ``weir redrive``."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tests.integration.stored import put, service
from tests.integration.test_dead_letter_topic import failed, make_topics, read, write
from tests.rows import NOON, dead_letter
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.commands.cli import app
from weir.pipelines.console import actions
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.dead_letters import pages, sending
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import RefusedError, Visit
from weir.pipelines.redrive import redrive
from weir.pipelines.sent_letters import SENT
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.read import SourceError

LATER = NOON + timedelta(minutes=10)
DAY = {"since": "2026-03-04", "until": "2026-03-04"}


@pytest.fixture
def kafka_settings(kafka):
    return KafkaSettings(kafka)


@pytest.fixture
def topics(kafka_settings):
    return make_topics(kafka_settings)


@pytest.fixture
def visit(bigquery, run):
    """Return a visit of an operator, of whatever is looked at."""

    def visit(query=(), form=(), chosen=(), kafka=None, topics=("posts", "dead"), **path):
        setup = Setup(
            bigquery, OnLoopback(), kafka, topics=topics[:1], dead_letter_topic=topics[1], run=run
        )
        person = Person("ann", Role.OPERATOR)
        return Visit(
            setup, person, "/dead-letters", path, dict(query), dict(form), tuple(chosen), NOON
        )

    return visit


def letters_of(batch, run):
    """Return the rows of letters that are on the topic, as the job stores them."""
    return [row | {"run": run, "died_at": NOON} for row in batch.to_pylist()]


@pytest.fixture
def stored(bigquery, kafka_settings, topics, run):
    """Return a function that has letters die: on the topic, and in the table; their ids."""

    def stored(*numbers, **fields):
        batch = failed(topics[0], *numbers, **fields)
        write(kafka_settings, topics[1], batch)
        rows = letters_of(batch, run)
        put(bigquery, "dead_letters", rows)
        return [row["decision_id"] for row in rows]

    return stored


def html(shown, visit):
    return fill(shown.template, shown.values, visit=visit, rooms=(), said="", bare=False)


def test_causes_are_those_of_the_view(bigquery, visit, run):
    tomorrow = NOON + timedelta(days=1)
    rows = [
        *(dead_letter(run, n, "decode", "invalid_json") for n in range(3)),
        dead_letter(run, 1, "decode", "invalid_json", died_at=NOON + timedelta(minutes=1)),
        dead_letter(run, 5, "judge", "timeout", policy_id="spam", died_at=tomorrow),
    ]
    put(bigquery, "dead_letters", rows)
    asked = visit({"since": "2026-03-04", "until": "2026-03-05", "run": run})
    found = pages.show(asked).values["found"]
    view = asked.rows(
        "SELECT reason, SUM(letters) AS letters FROM `{dataset}.dead_letter_causes` "
        "WHERE run = @run GROUP BY reason",
        run=run,
    )
    assert {c.reason: c.letters for c in found.causes} == {r["reason"]: r["letters"] for r in view}
    assert found.letters == 4
    assert found.by("policy_id") == {"-": 3, "spam": 1}
    assert [str(day) for day in found.days] == ["2026-03-04", "2026-03-05"]
    assert "raise its limits, then redrive" in html(pages.show(asked), asked)


def test_ten_thousand_letters_are_read_page_by_page_and_each_once(bigquery, visit, run):
    put(
        bigquery,
        "dead_letters",
        [
            dead_letter(run, n, "decode", "invalid_json", died_at=NOON + timedelta(seconds=n // 7))
            for n in range(10_000)
        ],
    )
    seen, after, asked = [], "", DAY | {"run": run}
    for _ in range(3):
        values = pages.show_letters(visit(asked | {"after": after})).values
        seen += [letter["decision_id"] for letter in values["letters"]]
        after = values["next"]
    assert len(seen) == len(set(seen)) == 300
    last = pages.show_letters(visit(asked | {"after": f"{NOON.isoformat()},{run}-dead"})).values
    assert (len(last["letters"]), last["next"]) == (7, "")
    assert pages.show(visit(asked)).values["found"].letters == 10_000


def test_a_selection_is_counted_first_and_then_sent_back_byte_for_byte(
    kafka_settings, topics, stored, visit
):
    ids = stored(*range(20))
    form = DAY
    of = {"kafka": kafka_settings, "topics": topics}
    counted = pages.check(visit(form=form, chosen=ids[:3], **of)).values
    assert (counted["report"].report.redriven, counted["report"].missing) == (3, 0)
    assert read(kafka_settings, topics[0], 4) == []
    moved = pages.send_chosen(visit(form=form | {"form": uuid.uuid4().hex}, chosen=ids[:3], **of))
    assert "3 sent back to their topics" in moved.said
    back = read(kafka_settings, topics[0], 4)
    assert {(r.key, r.value) for r in back} == {(b"k%d" % n, b"oops %d" % n) for n in range(3)}


def test_what_all_of_a_cause_would_send_is_what_a_dry_run_of_weir_redrive_counts(
    kafka_settings, topics, stored, visit, run
):
    stored(1, 1, 2)
    stored(
        7, headers=[("weir-attempts", b"5"), ("weir-redriven-from", f"{topics[0]}/3/2".encode())]
    )
    form = DAY | {"all": "yes", "run": run, "reason": "invalid_json"}
    counted = pages.check(visit(form=form, kafka=kafka_settings, topics=topics)).values["report"]
    assert counted.report == redrive(kafka_settings, topics[1], {topics[0]}, dry_run=True)


def test_a_form_that_is_sent_twice_sends_letters_once(kafka_settings, topics, stored, visit):
    ids = stored(1, 2)
    asked = visit(DAY, DAY | {"form": uuid.uuid4().hex}, ids, kafka_settings, topics)
    first, second = pages.send_chosen(asked), pages.send_chosen(asked)
    assert "2 sent back" in first.said
    assert "sent already, by ann" in second.said
    assert len(read(kafka_settings, topics[0], 4)) == 2
    actions = asked.rows(
        "SELECT person, what, subject FROM `{dataset}.console_actions` WHERE run = @run "
        "ORDER BY what DESC",
        run=asked.run,
    )
    done = {"person": "ann", "subject": "dead letters"}
    assert actions == [done | {"what": "letters-sending"}, done | {"what": "letters-redrive"}]


def test_letters_that_were_sent_before_are_left_out_unless_asked_for_again(
    kafka_settings, topics, stored, visit, run
):
    ids = stored(1, 2, 3)
    of = {"kafka": kafka_settings, "topics": topics}
    pages.send_chosen(visit(form=DAY | {"form": uuid.uuid4().hex}, chosen=ids[:2], **of))
    counted = pages.check(visit(form=DAY, chosen=ids, **of)).values
    assert (counted["before"], counted["report"].report.redriven) == (2, 1)
    again = pages.check(visit(form=DAY | {"again": "yes"}, chosen=ids, **of)).values
    assert again["report"].report.redriven == 3
    assert "sent again" in html(pages.show_letters(asked := visit(DAY | {"run": run})), asked)


@pytest.fixture
def cut_short(kafka_settings, topics, visit, monkeypatch):
    """Return a function that sends letters with a form, and dies before that is recorded."""

    def cut_short(ids, form, before=SENT, now=NOON):
        record = actions.record

        def die(visit, what, *args, **more):
            if what == before:
                raise TablesError("BigQuery does not answer.")
            return record(visit, what, *args, **more)

        with monkeypatch.context() as patched:
            patched.setattr(actions, "record", die)
            asked = replace(visit(form=DAY | {"form": form}, chosen=ids, **of()), now=now)
            with pytest.raises(TablesError):
                pages.send_chosen(asked)

    def of():
        return {"kafka": kafka_settings, "topics": topics}

    return cut_short, of()


def test_letters_that_were_sent_before_the_record_failed_are_found_when_sent_again(
    kafka_settings, topics, stored, visit, cut_short
):
    die, of = cut_short
    ids, form = stored(1, 2, 3), uuid.uuid4().hex
    die(ids[:2], form)
    asked = visit(form=DAY | {"form": form}, chosen=ids, **of)
    assert sending.sent_before(asked)[ids[0]].ended is False
    assert (
        "2 of these letters are back; 1 dead letter read: 1 sent" in pages.send_chosen(asked).said
    )
    assert len(read(kafka_settings, topics[0], 4)) == 3
    assert sending.sent_before(asked).keys() >= set(ids)
    assert all(sending.sent_before(asked)[each].ended for each in ids)


def test_what_another_was_cut_short_in_is_seen_on_the_topic_and_not_sent_again(
    kafka_settings, topics, stored, visit, cut_short
):
    die, of = cut_short
    ids = stored(1, 2)
    die(ids[:1], uuid.uuid4().hex)
    pages.check(under_way := visit(form=DAY, chosen=ids, **of))
    later = replace(under_way, now=NOON + timedelta(minutes=10))
    counted = pages.check(later).values
    assert (counted["before"], counted["report"].report.redriven) == (1, 1)
    assert sending.sent_before(later)[ids[0]].ended is False
    pages.send_chosen(replace(later, form=DAY | {"form": uuid.uuid4().hex}))
    assert "cut short; 1 of 1 were found" in sending.sent_before(later)[ids[0]].said


def test_what_was_cut_short_is_looked_for_also_on_topics_that_this_console_does_not_send_to(
    topics, stored, visit, cut_short
):
    die, of = cut_short
    ids = stored(1)
    die(ids, uuid.uuid4().hex)
    elsewhere = visit(form=DAY, chosen=ids, **of | {"topics": ("videos", topics[1])})
    assert pages.check(replace(elsewhere, now=LATER)).values["before"] == 1


@pytest.fixture
def of_a_topic_that_is_gone(bigquery, kafka_settings, topics, run):
    """Return the id of a letter on the topic, which names one that is not there."""
    batch = failed(f"gone-{run}", 1)
    write(kafka_settings, topics[1], batch)
    put(bigquery, "dead_letters", letters_of(batch, run))
    return batch.to_pylist()[0]["decision_id"]


def test_a_topic_that_is_gone_leaves_its_letters_in_doubt_and_the_others_are_sent(
    stored, visit, cut_short, of_a_topic_that_is_gone, run
):
    die, of = cut_short
    gone = of_a_topic_that_is_gone
    ids = stored(1)
    die([gone], uuid.uuid4().hex)
    asked = visit(form=DAY | {"form": uuid.uuid4().hex}, chosen=[gone, *ids], **of)
    asked = replace(
        asked, now=LATER, setup=replace(asked.setup, topics=(of["topics"][0], f"gone-{run}"))
    )
    assert f"of 1 nobody can tell: gone-{run}/3 is gone" in html(pages.check(asked), asked)
    said = pages.send_chosen(asked).said
    assert "1 dead letter read: 1 sent back" in said
    assert f"gone-{run}/3" in said


def test_what_was_recorded_and_never_sent_is_sent_by_the_next(
    kafka_settings, topics, stored, visit, monkeypatch
):
    ids = stored(1, 2)
    of = {"kafka": kafka_settings, "topics": topics}
    asked = visit(form=DAY | {"form": uuid.uuid4().hex}, chosen=ids, **of)
    with monkeypatch.context() as patched:
        patched.setattr(sending, "redrive_chosen", fail)
        with pytest.raises(SourceError):
            pages.send_chosen(asked)
    form = DAY | {"form": uuid.uuid4().hex}
    later = replace(asked, form=form, now=NOON + timedelta(minutes=10))
    assert "2 sent back" in pages.send_chosen(later).said


def fail(*_args, **_more):
    raise SourceError("Kafka does not answer")


@pytest.fixture
def weir_redrive(bigquery, kafka_settings, topics):
    """Return a function that runs weir redrive beside the dataset."""
    command = ["redrive", "--topics", topics[0], "--dead-letter-topic", topics[1], "--json"]
    command += ["--brokers", kafka_settings.bootstrap_servers, *service(bigquery)]
    return lambda: CliRunner().invoke(app, command)


def test_weir_redrive_leaves_out_what_the_console_sent(
    kafka_settings, topics, stored, visit, weir_redrive
):
    ids = stored(1, 2, 3)
    of = {"kafka": kafka_settings, "topics": topics}
    sent = visit(form=DAY | {"form": uuid.uuid4().hex}, chosen=ids[:2], **of)
    pages.send_chosen(replace(sent, now=datetime.now(UTC)))
    report = json.loads(weir_redrive().stdout)
    assert (report["chosen"], report["redriven"]) == (2, 1)
    assert len(read(kafka_settings, topics[0], 4)) == 3


def test_weir_redrive_sends_nothing_while_somebody_may_be_sending_in_the_console(
    kafka_settings, topics, stored, visit, cut_short, weir_redrive
):
    die, of = cut_short
    ids, form, now = stored(1, 2), uuid.uuid4().hex, datetime.now(UTC)
    die(ids[:1], form, now=now)
    refused = weir_redrive()
    assert refused.exit_code == 2
    assert "Nothing was sent: ann began to send letters in the console" in refused.stderr
    assert len(read(kafka_settings, topics[0], 4)) == 1
    asked = visit(form=DAY | {"form": form}, chosen=ids[:1], **of)
    pages.send_chosen(replace(asked, now=now))
    assert json.loads(weir_redrive().stdout)["redriven"] == 1


def test_weir_redrive_leaves_and_counts_what_nobody_can_tell_of(
    stored, cut_short, of_a_topic_that_is_gone, run, weir_redrive
):
    die, _ = cut_short
    stored(1)
    die([of_a_topic_that_is_gone], uuid.uuid4().hex, now=datetime.now(UTC) - timedelta(minutes=10))
    done = weir_redrive()
    report = json.loads(done.stdout)
    assert (report["unknown"], report["redriven"]) == (1, 1)
    assert f"gone-{run}/3 is gone" in " ".join(done.stderr.split())


def test_letters_that_weir_redrive_has_sent_are_left_out_too(kafka_settings, topics, stored, visit):
    ids = stored(1, 2)
    redrive(kafka_settings, topics[1], {topics[0]})
    of = {"kafka": kafka_settings, "topics": topics}
    counted = pages.check(visit(form=DAY, chosen=ids, **of)).values["report"]
    assert (counted.passed, counted.report.redriven) == (2, 0)


def test_letters_that_retention_removed_from_the_topic_are_counted_and_said(
    bigquery, kafka_settings, topics, stored, visit, run
):
    ids = stored(1)
    put(bigquery, "dead_letters", [dead_letter(run, 99, "decode", "invalid_json")])
    gone = f"{run}-dead-decode-None-99"
    of = {"kafka": kafka_settings, "topics": topics}
    counted = pages.check(visit(form=DAY, chosen=[*ids, gone], **of)).values["report"]
    assert (counted.report.redriven, counted.missing) == (1, 1)
    assert "not on the topic" in str(counted)
    with pytest.raises(RefusedError, match="has this letter no longer"):
        pages.show_message(visit({"day": "2026-03-04"}, decision_id=gone, **of))


def test_a_message_of_hostile_bytes_is_shown_as_text_that_does_nothing(
    kafka_settings, topics, visit, bigquery, run
):
    batch = failed(
        topics[0], 1, headers=[("<script>", b"\xff\xfe"), ("plain", "\u202e<b>".encode())]
    )
    write(kafka_settings, topics[1], batch)
    (row,) = letters_of(batch, run)
    put(bigquery, "dead_letters", [row])
    asked = visit(
        {"day": "2026-03-04"}, kafka=kafka_settings, topics=topics, decision_id=row["decision_id"]
    )
    text = html(pages.show_message(asked), asked)
    assert "oops 1" in text
    assert "<script>" not in text.partition("<main")[2]
    assert "\u202e" not in text
    assert "&lt;b&gt;" in text
    assert "000000  ff fe" in text


def test_a_topic_that_is_gone_is_said_or_counted(kafka_settings, topics, stored, visit):
    ids = stored(1)
    gone = {"kafka": kafka_settings, "topics": ("gone-since", topics[1])}
    counted = pages.check(visit(form=DAY, chosen=ids, **gone)).values["report"]
    assert (counted.report.foreign, counted.report.redriven) == (1, 0)
    no_letters = {"kafka": kafka_settings, "topics": (topics[0], "no-such-topic")}
    with pytest.raises(SourceError, match="no-such-topic"):
        pages.check(visit(form=DAY, chosen=ids, **no_letters))


def test_without_brokers_or_topics_sending_says_what_is_missing(
    kafka_settings, topics, stored, visit
):
    ids = stored(1)
    with pytest.raises(RefusedError, match="--brokers"):
        pages.check(visit(form=DAY, chosen=ids))
    asked = visit(form=DAY, chosen=ids, kafka=kafka_settings)
    with pytest.raises(RefusedError, match="--topics"):
        pages.check(replace(asked, setup=replace(asked.setup, topics=())))
