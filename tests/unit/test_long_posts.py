"""A long post is judged in windows: no violation is safe because of what stands around it."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes import ScriptedEngine
from tests.unit.judging.cases import POLICY, escalations
from tests.unit.test_escalations import escalation, written
from tests.unit.test_escalations import read as read_back
from weir.transforms.escalations.message import shorten
from weir.transforms.judge.bundle import Bundle, Escalated
from weir.transforms.judge.engine import Completion, Finish
from weir.transforms.judge.harmony.messages import encode
from weir.transforms.judge.harmony.prompt import render
from weir.transforms.judge.harmony.windows import MOST_WINDOWS, windows
from weir.transforms.judge.long_posts import read
from weir.transforms.judge.rows import Judged, Row
from weir.transforms.judge.shared_engine import Engines
from weir.transforms.judge.verdict import Reason, parse
from weir.transforms.records import Outcome

CALM = "the weather was lovely and we walked along the river until noon "
SAFE, VIOLATES = Completion('{"violation": 0}'), Completion('{"violation": 1}')
UNCERTAIN = Completion(None, finish_reason=Finish.UNCERTAIN)


class Reader(ScriptedEngine):
    """Answers by a word wherever it stands in what it is given."""

    def _answer(self, words, future):
        found = "violates" in words
        doubt = "prose" in words
        super()._answer(["violates" if found else "prose" if doubt else "safe"], future)


def judged(*texts, content_tokens=512, cache_bytes=0):
    engine = Reader(content_tokens=content_tokens)
    shared = Engines().acquire("k", lambda: engine, 4, cache_bytes)
    bundle, batch = Bundle(shared, timeout_seconds=20), escalations(*texts)
    rows = [Escalated(Row(batch, number), POLICY) for number in range(len(texts))]
    ended = sorted([*bundle.take(batch, rows), *bundle.finish()], key=lambda e: e.row.number)
    assert all(isinstance(each, Judged) for each in ended)
    return [each.verdict for each in ended if isinstance(each, Judged)], engine


@pytest.mark.parametrize("before", [0, 20, 75])
@pytest.mark.parametrize("after", [0, 20, 75])
def test_a_violation_among_filler_violates(before, after):
    [verdict], _ = judged(CALM * before + "violates " + CALM * after)
    assert verdict.outcome == Outcome.VIOLATES


def test_a_long_post_is_safe_where_every_window_is():
    [verdict], engine = judged(CALM * 60)
    assert verdict.outcome == Outcome.SAFE
    assert 1 < len(engine.calls) <= MOST_WINDOWS


def test_a_window_in_doubt_leaves_the_post_in_doubt():
    [verdict], _ = judged("prose " + CALM * 60)
    assert verdict.outcome == Outcome.INDETERMINATE
    [verdict], _ = judged("prose " + CALM * 60 + "violates")
    assert verdict.outcome == Outcome.VIOLATES


def test_a_post_beyond_the_bound_is_never_safe():
    [verdict], engine = judged(CALM * 2000)
    assert (verdict.outcome, verdict.reason) == (Outcome.INDETERMINATE, Reason.UNREAD)
    assert sum(engine.calls) == MOST_WINDOWS


def test_a_post_that_came_without_its_middle_is_never_safe():
    [record] = written(escalation(text=CALM * 99))
    [text] = read_back(shorten(shorten(record))).escalations["text"].to_pylist()
    [verdict], _ = judged(text)
    assert (verdict.outcome, verdict.reason) == (Outcome.INDETERMINATE, Reason.UNREAD)


def test_equal_long_posts_are_read_once():
    verdicts, engine = judged(CALM * 60, CALM * 60, cache_bytes=1 << 20)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.SAFE] * 2
    assert sum(engine.calls) == len(windows(CALM * 60, 512).texts)


def test_a_short_post_is_one_window_as_it_is():
    assert windows(CALM).texts == (CALM,)


TEXTS = st.lists(st.sampled_from([CALM, "é" * 40, "🙂 ", "x" * 900, "\n"]), max_size=60).map(
    "".join
)


@given(TEXTS)
@example("x" * 9000)
@settings(max_examples=20, deadline=None)
def test_windows_hold_all_of_a_post_and_no_more_than_a_prompt_does(text):
    found = windows(text, 1024)
    assert found.tokens_cut == 0 or len(found.texts) == MOST_WINDOWS
    for window in found.texts:
        assert render(POLICY, window, 1024).tokens_cut == 0
    if not found.tokens_cut:
        at = 0
        for window in found.texts:
            core = window.replace("\n\n[part of the post left out]\n\n", "")
            # A post may repeat itself: the last place that leaves no gap.
            start = text.rfind(core, 0, at + len(core))
            assert start >= 0
            at = start + len(core)
        assert at == len(text) or len(found.texts) == 1


def test_what_is_cut_is_estimated_where_it_is_not_read():
    text = CALM * 4000
    found = windows(text, 256)
    assert found.tokens_cut == pytest.approx(len(encode(text)), rel=0.1)


def test_a_safe_answer_to_a_cut_post_is_indeterminate():
    cut = replace(SAFE, tokens_cut=5)
    assert parse(cut, POLICY).reason == Reason.UNREAD
    assert parse(replace(VIOLATES, tokens_cut=5), POLICY).outcome == Outcome.VIOLATES


def test_of_safe_windows_the_one_most_likely_to_violate_decides():
    first = read(replace(SAFE, probability=0.4), POLICY, 5.0)
    assert read(replace(SAFE, probability=0.1), POLICY, 7.0, first).verdict.probability == 0.4
    assert read(replace(SAFE, probability=0.5), POLICY, 7.0, first).verdict.probability == 0.5


def test_a_post_has_the_costs_of_its_windows_in_sum():
    first = read(replace(UNCERTAIN, tokens_in=10, tokens_out=1), POLICY, 5.0)
    both = read(replace(SAFE, tokens_in=30), POLICY, 7.0, first)
    assert (both.completion.tokens_in, both.completion.tokens_out) == (40, 1)
    assert both.completion.tokens_cached is None
    assert both.latency_ms == 12.0
    assert both.completion.finish_reason == Finish.UNCERTAIN
