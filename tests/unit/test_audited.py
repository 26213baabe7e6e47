"""What `weir screen audit` says of a policy, in words."""

import json
from datetime import date
from typing import Any

import pytest

from tests.unit.test_live_recall import sample
from weir.pipelines.screening.recall import Audited, added_up, certified_recalls
from weir.transforms.screen.live_recall import Sample

DAY = date(2026, 3, 4)


def audited(known, certified=0.95, **changes):
    fields: dict[str, Any] = {
        "screen_version": "s1",
        "first": DAY,
        "last": DAY,
        "days": 1,
        "forced": 0,
    }
    return Audited(policy_id="spam", sample=known, certified=certified, **fields | changes)


@pytest.mark.parametrize(
    ("known", "certified", "said"),
    [
        (sample(caught=900, missed=30), 0.95, "drift: recall is below the 95.0% certified"),
        (sample(caught=9000, missed=45), 0.95, "fits"),
        (sample(caught=95, missed=1), 0.95, "more audits"),
        (sample(caught=0, missed=0), 0.95, "no violation"),
        (sample(caught=95, missed=1), None, "not certified"),
        (Sample(escalated=5, cleared=100), 0.95, "no cleared post was audited"),
        (Sample(), None, "no head"),
    ],
)
def test_the_state_of_a_certificate_is_said_in_words(known, certified, said):
    assert said in audited(known, certified).words()


def test_days_are_added_up_by_policy_and_screen():
    days = [
        audited(sample(caught=9, missed=1), first=date(2026, 3, day), last=date(2026, 3, day))
        for day in (4, 5)
    ]
    other = audited(sample(caught=1, missed=0), screen_version="s2")
    both, alone = added_up([*days, other])
    assert (both.first.day, both.last.day, both.days, both.sample.caught) == (4, 5, 2, 18)
    assert alone == other


def head(policy_id, certificate):
    return {"heads": [{"policy_id": policy_id, "certificate": certificate}]}


@pytest.mark.parametrize(
    ("card", "recalls"),
    [
        (head("spam", {"certified": True, "recall": 0.9}), {"spam": 0.9}),
        (head("spam", {"certified": False, "recall": 0.9}), {}),
        (head("spam", {"certified": True, "recall": "high"}), {}),
        (head("spam", {"certified": True, "recall": 1}), {}),
        (head("spam", None), {}),
        ({"heads": [{"policy_id": "spam"}]}, {}),
        ({"heads": "none"}, {}),
        ([], {}),
    ],
)
def test_a_card_certifies_what_it_says_and_nothing_else(card, recalls):
    assert certified_recalls(json.dumps(card)) == recalls


@pytest.mark.parametrize("card", ["{", "", None])
def test_no_card_certifies_nothing(card):
    assert certified_recalls(card) == {}
