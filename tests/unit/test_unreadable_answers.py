"""Where most of what a judge says is no verdict, that is said once, early, with the way out."""

import pytest

from weir.transforms.judge.unreadable_answers import ENOUGH, Unreadable, remedy
from weir.transforms.judge.verdict import Reason, Verdict
from weir.transforms.records import Outcome

SAFE = Verdict(Outcome.SAFE)


def indeterminate(reason):
    return Verdict(Outcome.INDETERMINATE, reason=reason)


def test_most_of_enough_is_said_once():
    heard = Unreadable()
    prose = [indeterminate(Reason.NOT_JSON)]
    assert [heard.record(prose) for _ in range(ENOUGH - 1)] == [None] * (ENOUGH - 1)
    assert "most often not_json" in heard.record(prose)
    assert heard.record(prose) is None


def test_half_of_them_is_not_most():
    heard = Unreadable()
    assert heard.record([SAFE, indeterminate(Reason.CUT_OFF)] * ENOUGH) is None
    assert heard.warning is None


@pytest.mark.parametrize("reason", [Reason.UNCERTAIN, Reason.UNREAD])
def test_what_was_read_and_is_in_doubt_is_not_unreadable(reason):
    assert Unreadable().record([indeterminate(reason)] * ENOUGH) is None


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_way_out(reason):
    assert len(remedy(reason)) > 20
