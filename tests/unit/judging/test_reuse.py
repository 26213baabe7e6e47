"""Near-copies of judged posts on their way through a bundle."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import ScriptedEngine
from tests.unit.judging.cases import FRAUD, POLICY, SETTINGS, escalations, judge
from weir.policies.policy import Effort
from weir.transforms.decode import DecodeSettings
from weir.transforms.judge.budget import Budget
from weir.transforms.judge.bundle import Bundle, Escalated
from weir.transforms.judge.reuse import ReuseSettings
from weir.transforms.judge.rows import Dead, Deferred, Provenance, Row, verdict_batch
from weir.transforms.judge.shared_engine import Engines
from weir.transforms.records import Mode

BOUND = 0.5
TRIAL = 7  # checks that agree, until more than BOUND of them is shown
REUSE = ReuseSettings(1 << 20, check_share=1e-9, agreement=BOUND)
ADVERT = "violates our shop sells the very best watches at half price until sunday"
PROVENANCE = Provenance("r", "c", Mode.ENFORCE, "scripted", "scripted-1")


class Judge:
    """Judges batches, a bundle after the other, with what is shared between them."""

    def __init__(self, settings=REUSE, *, cache_bytes=0, **budgets):
        self.shared = Engines().acquire(
            "k", ScriptedEngine, 4, cache_bytes, reuse=settings, **budgets
        )
        self.offset = 0

    def rows(self, *texts, policy=POLICY, **changes):
        """Return the verdicts on texts, or what else became of them, in their order."""
        batch = escalations(*texts, first=self.offset, **changes)
        self.offset += len(texts)
        bundle = Bundle(self.shared, 20, PROVENANCE)
        escalated = [Escalated(Row(batch, number), policy) for number in range(len(texts))]
        ended = sorted(
            [*bundle.take(batch, escalated), *bundle.finish()], key=lambda each: each.row.number
        )
        return [self._row(each) for each in ended]

    def trust(self, outcome="violates", policy=POLICY):
        """Let near-copies of that verdict pass the trial."""
        text = outcome + " passing a trial is what this text is there for {}"
        self.rows(text.format(1234567), policy=policy)
        for number in range(TRIAL):
            (row,) = self.rows(text.format(7654321 + number), policy=policy)
            assert row["checked_verdict"] == row["verdict"] == outcome
            assert row["reused_from"] is None
        return self

    @staticmethod
    def _row(each):
        if isinstance(each, Dead | Deferred):
            return type(each).__name__
        return verdict_batch([each], PROVENANCE, DecodeSettings(), 0).to_pylist()[0]

    @property
    def asked(self):
        engine: Any = self.shared.engine
        return sum(engine.calls)


def test_a_near_copy_takes_the_verdict_of_the_decision_that_it_names_at_no_cost():
    judges = Judge().trust()
    (source,) = judges.rows(ADVERT)
    asked = judges.asked
    (copy,) = judges.rows(f"{ADVERT} bea")
    assert judges.asked == asked
    assert copy["verdict"] == "violates"
    assert copy["reused_from"] == source["decision_id"] != copy["decision_id"]
    assert (copy["cached"], copy["tokens_out"], copy["latency_ms"]) == (True, 0, 0.0)
    assert (copy["rationale"], copy["rule_ids"]) == ("it does", ["R1"])
    assert (source["reused_from"], source["checked_against"]) == (None, None)


def test_a_violating_text_of_a_judged_one_and_a_sentence_more_is_judged():
    judges = Judge().trust("safe")
    judges.rows("safe " + "all that is said here is harmless and nice " * 20)
    (hidden,) = judges.rows("safe " + "all that is said here is harmless and nice " * 20 + "die")
    assert hidden["reused_from"] is None
    assert hidden["checked_against"] is None


def test_no_near_copy_takes_a_verdict_before_the_trial_is_passed():
    judges = Judge()
    rows = [judges.rows(f"{ADVERT}{more}")[0] for more in ("", " bea", " cid")]
    assert judges.asked == 3
    assert [row["reused_from"] for row in rows] == [None] * 3
    assert rows[1]["checked_against"] == rows[0]["decision_id"]
    assert [row["checked_verdict"] for row in rows] == [None, "violates", "violates"]


def test_a_share_of_the_near_copies_is_judged_all_the_same():
    judges = Judge(replace(REUSE, check_share=0.3)).trust()
    rows = judges.rows(*(f"violates order of {n} pieces: {10_000 + n}" for n in [1] * 200))
    assert len(rows) == 200
    again = judges.rows(*(f"violates order of 1 pieces: {20_000 + n}" for n in range(200)))
    checked = [row for row in again if row["checked_against"]]
    assert 30 <= len(checked) <= 90
    assert len([row for row in again if row["reused_from"]]) == 200 - len(checked)


def test_a_bundle_that_is_tried_again_draws_the_same_checks():
    judges = Judge(replace(REUSE, check_share=0.5)).trust()
    judges.rows("violates order 1234567")
    first = [row["reused_from"] for row in judges.rows(*["violates order 1234568"] * 40)]
    judges.offset -= 40
    again = [row["reused_from"] for row in judges.rows(*["violates order 1234568"] * 40)]
    assert [each is None for each in first] == [each is None for each in again]
    assert None in first
    assert any(first)


def test_a_post_whose_bundle_is_tried_again_is_no_copy_of_itself():
    judges = Judge().trust()
    judges.rows(ADVERT)
    judges.offset -= 1
    (again,) = judges.rows(ADVERT)
    assert (again["reused_from"], again["checked_against"], again["cached"]) == (None, None, False)


def test_a_verdict_that_was_taken_is_taken_by_nobody():
    judges = Judge().trust()
    judges.rows(ADVERT)
    (copy,) = judges.rows(f"{ADVERT} at noon")
    (farther,) = judges.rows(f"{ADVERT} at noon sharp for everybody")
    assert copy["reused_from"]
    assert farther["reused_from"] is None


@pytest.mark.parametrize("route", ["audit", "lesson", "deferred"])
def test_what_is_drawn_at_random_neither_gives_nor_takes_a_verdict(route):
    judges = Judge().trust()
    judges.rows(ADVERT, route=route)
    assert judges.rows(f"{ADVERT} bea")[0]["reused_from"] is None
    (drawn,) = judges.rows(f"{ADVERT} cid", route=route)
    assert (drawn["reused_from"], drawn["checked_against"]) == (None, None)


@pytest.mark.parametrize("word", ["prose", "cut"])
def test_an_indeterminate_verdict_is_taken_by_nobody(word):
    judges = Judge().trust()
    judges.rows(f"{word} order 1234567")
    (copy,) = judges.rows(f"{word} order 7654321")
    assert (copy["reused_from"], copy["checked_against"]) == (None, None)


@pytest.mark.parametrize(
    "other", [FRAUD, replace(POLICY, text="No spam at all."), replace(POLICY, effort=Effort.HIGH)]
)
def test_a_verdict_is_taken_under_one_version_of_one_policy_only(other):
    judges = Judge().trust().trust(policy=other)
    judges.rows(ADVERT)
    (copy,) = judges.rows(f"{ADVERT} bea", policy=other)
    assert (copy["reused_from"], copy["checked_against"]) == (None, None)


def test_disagreement_has_near_copies_judged_again_until_they_agree(caplog):
    judges = Judge(replace(REUSE, check_share=1.0)).trust()
    judges.rows(ADVERT)
    trusted = judges.shared.reuse.trusted
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            (row,) = judges.rows(f"prose {ADVERT}")
            assert row["checked_verdict"] == "violates"
    assert (trusted, judges.shared.reuse.trusted) == (1, 0)
    assert "all judged under policy spam" in caplog.text
    assert "watches" not in caplog.text


def test_what_a_near_copy_takes_costs_nothing_of_the_budget():
    judges = Judge(budget=Budget(requests_per_second=1e-9, burst_seconds=9e9)).trust()
    (source,) = judges.rows(ADVERT)
    copies = judges.rows(*(f"{ADVERT} {name}" for name in ("bea", "cid", "dan")))
    assert [copy["reused_from"] for copy in copies] == [source["decision_id"]] * 3
    assert judges.rows("safe one", "safe two") == ["Deferred", "Deferred"]


def test_a_near_copy_answers_the_provisional_flag_that_went_out_for_it():
    judges = Judge().trust()
    (source,) = judges.rows(ADVERT, provisional_id="flag-1")
    (copy,) = judges.rows(f"{ADVERT} bea", provisional_id="flag-2")
    assert (source["decision_id"], copy["decision_id"]) == ("flag-1", "flag-2")
    assert copy["reused_from"] == "flag-1"


def test_an_equal_post_is_answered_from_the_cache_first():
    judges = Judge(cache_bytes=1 << 20).trust()
    judges.rows(ADVERT)
    (equal,) = judges.rows(ADVERT)
    assert (equal["cached"], equal["reused_from"]) == (True, None)


def test_an_equal_post_is_no_check_of_near_copies_where_the_cache_is_off():
    judges = Judge()
    rows = [judges.rows(ADVERT)[0] for _ in range(2)]
    assert judges.asked == 2
    assert [row["checked_against"] for row in rows] == [None, None]


def test_trust_in_a_question_that_is_no_longer_asked_is_let_go(monkeypatch):
    monkeypatch.setattr("weir.transforms.judge.reuse.MOST_KINDS", 3)
    judges = Judge().trust()
    reuse, source = judges.shared.reuse, source_of(judges)
    for number in range(5):  # other versions, while this one is in use
        reuse.record(source, f"version {number}", "spam", agreed=True)
        reuse.record(source, POLICY.version, "spam", agreed=True)
    assert reuse.trusted == 1
    for number in range(3):
        reuse.record(source, f"version {number}", "spam", agreed=True)
    assert reuse.trusted == 0


def source_of(judges):
    """Return a source of the trial."""
    batch = escalations("violates passing a trial is what this text is there for 9999999")
    (sketch,) = judges.shared.reuse.sketches(batch)
    return judges.shared.reuse.find(sketch, POLICY.version, b"").source


def test_the_step_counts_what_near_copies_took_and_how_checks_ended():
    settings = replace(SETTINGS, reuse=replace(REUSE, check_share=1.0), max_in_flight=1)
    texts = ["violates order 1000001", "violates order 1000002", "prose"]
    done = judge(*(escalations(text, first=n) for n, text in enumerate(texts)), settings=settings)
    assert sum(each is not None for each in done.by_id("checked_against").values()) == 1
    assert (done.counts.reused, done.counts.reuse_checks, done.counts.reuse_disagreements) == (
        *(0, 1, 0),
    )
