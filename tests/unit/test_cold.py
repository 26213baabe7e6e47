"""A cold head: what it is fitted to, what it keeps to, and what is said of it."""

import numpy as np
import pyarrow as pa
import pytest

from tests import cold_posts
from tests.cold_posts import SAFE, VIOLATING, keyword_encoder, stream
from weir.policies.policy import Example, Policy
from weir.transforms.screen.archive import ScreenError
from weir.transforms.screen.cold.extra_heads import with_heads
from weir.transforms.screen.cold.fit import (
    LEAST_STREAM,
    ColdSettings,
    ColdStarter,
    Labelled,
    Stream,
    expected_recall,
)
from weir.transforms.screen.model import Screen

EXAMPLES = Labelled((*VIOLATING, *SAFE), np.repeat([True, False], [len(VIOLATING), len(SAFE)]))


@pytest.fixture(scope="module")
def base() -> Screen:
    return cold_posts.base()


@pytest.fixture(scope="module")
def starter(base) -> ColdStarter:
    return ColdStarter(base.scale, Stream.of(stream()))


@pytest.fixture(scope="module")
def head(starter):
    return starter.head("cheats", EXAMPLES, ColdSettings())


def test_a_cold_head_ranks_violations_above_the_rest_of_the_stream(base, head) -> None:
    texts = stream(400)
    scores = with_heads(base, [head]).score(pa.array(texts))[:, -1]
    bad = np.array(["aimbot" in text for text in texts])
    assert scores[bad].min() > scores[~bad].max()


@pytest.mark.parametrize("budget", [0.05, 0.1, 0.3])
def test_a_cold_head_keeps_to_its_budget_on_posts_that_it_has_not_seen(
    base, starter, budget
) -> None:
    settings = ColdSettings(budget, audit_rate=0.0)
    screen = with_heads(base, [starter.head("cheats", EXAMPLES, settings)])
    scores = screen.score(pa.array(stream(2000, seed=1)))[:, -1]
    assert (scores >= screen.thresholds[-1]).mean() <= budget + 0.04


def test_a_cold_head_keeps_to_its_budget_on_long_posts_which_are_screened_in_windows(base) -> None:
    long = [" ".join(stream(30, seed=n)) for n in range(400)]
    starter = ColdStarter(base.scale, Stream.of(long[:300]))
    screen = with_heads(base, [starter.head("cheats", EXAMPLES, ColdSettings(0.1, audit_rate=0.0))])
    scores = screen.score(pa.array(long[300:]))[:, -1]
    assert (scores >= screen.thresholds[-1]).mean() <= 0.25


def test_the_audit_sample_is_part_of_the_budget() -> None:
    settings = ColdSettings(0.1, audit_rate=0.04)
    assert settings.escalated + (1 - settings.escalated) * 0.04 == pytest.approx(0.1)


def test_an_audit_sample_that_takes_the_whole_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="raise the budget or lower the audit rate"):
        ColdSettings(0.1, audit_rate=0.1)


def test_the_order_of_the_sample_changes_nothing(base, head) -> None:
    again = ColdStarter(base.scale, Stream.of(stream()[::-1]))
    other = again.head("cheats", EXAMPLES, ColdSettings())
    assert with_heads(base, [head]).version == with_heads(base, [other]).version


def test_a_policy_without_safe_examples_is_refused_by_name(starter) -> None:
    with pytest.raises(ScreenError, match="The policy cheats has no safe posts to learn from"):
        starter.head("cheats", Labelled(VIOLATING, np.ones(len(VIOLATING), bool)), ColdSettings())


def test_a_policy_without_examples_is_refused_by_name(starter) -> None:
    with pytest.raises(ScreenError, match="The policy cheats has no violating posts"):
        starter.head("cheats", Labelled((), np.zeros(0, bool)), ColdSettings())


@pytest.mark.parametrize("posts", [0, LEAST_STREAM - 1])
def test_too_small_a_sample_is_refused_with_the_number_that_is_needed(posts: int) -> None:
    with pytest.raises(ScreenError, match=f"There are {posts} posts .* needs {LEAST_STREAM}"):
        Stream.of(stream(posts))


def test_a_stream_of_one_text_over_and_over_still_gives_a_head(base) -> None:
    starter = ColdStarter(base.scale, Stream.of(["same"] * 500))
    assert starter.head("cheats", EXAMPLES, ColdSettings()).threshold <= 1


def test_equal_posts_are_never_both_taught_and_measured() -> None:
    texts = [f"post {n % 150}" for n in range(900)]
    sample = Stream.of(texts)
    assert not set(sample.texts[: sample.weak]) & set(sample.texts[sample.weak :])


def test_lone_surrogates_in_a_sample_do_no_harm() -> None:
    assert len(Stream.of([*stream(300), "broken \ud800"]).texts) == 301


def test_a_taught_head_learns_from_the_encoder_what_the_examples_do_not_say(base) -> None:
    # No example shares a word with the violation in the stream but the one the encoder knows.
    posts = [
        f"selling {'zxq' * (n % 3 + 1)} {n}" if n % 20 == 0 else t for n, t in enumerate(stream())
    ]
    starter = ColdStarter(base.scale, Stream.of(posts), keyword_encoder())
    head = starter.head("cheats", EXAMPLES, ColdSettings())
    scores = with_heads(base, [head]).score(pa.array(["selling zxq", "the roses need water"]))[
        :, -1
    ]
    assert scores[0] > scores[1]


def test_the_report_says_what_to_expect_and_that_nothing_is_promised(starter, head) -> None:
    report = starter.report(head, EXAMPLES, ColdSettings())
    assert not report.certified
    assert "expect a recall of about 0.49" in report.expectation
    assert "not promised" in report.expectation
    assert (report.violating, report.safe) == (20, 20)


def test_more_examples_an_encoder_and_reranking_each_raise_the_expectation() -> None:
    plain = [expected_recall(k, taught=False, reranked=False) for k in (1, 10, 30, 100, 10_000)]
    assert plain == sorted(plain)
    taught = expected_recall(40, taught=True, reranked=False)
    assert plain[2] < taught < expected_recall(40, taught=True, reranked=True)


def test_labelled_posts_of_a_policy_are_its_examples() -> None:
    policy = Policy(
        "p", "t", "o", "text", {}, {}, examples=[Example("a", True), Example("b", False)]
    )
    assert Labelled.of(policy).texts == ("a", "b")
    assert Labelled.of(policy).violates.tolist() == [True, False]
