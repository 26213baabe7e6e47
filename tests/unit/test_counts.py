"""The law: what goes in comes out, whether a job screens, judges, or does both."""

import pytest

from weir.transforms.counts import Counts

ALL = Counts(
    messages=10, screenings=8, dead_letters_decode=2,
    escalations=6, verdicts=3, deferred=2, dead_letters_judge=1,
)  # fmt: skip
SCREEN = Counts(
    messages=10, screenings=8, dead_letters_decode=2, escalations=6, escalations_sent=6
)  # fmt: skip
JUDGE = Counts(
    messages=7, escalations_read=6, dead_letters_escalation=1,
    escalations=6, verdicts=3, deferred=2, dead_letters_judge=1,
)  # fmt: skip


@pytest.mark.parametrize("counts", [Counts(), ALL, SCREEN, JUDGE])
def test_a_job_that_accounts_for_all_is_ok(counts):
    assert counts.imbalances() == []
    assert counts.to_json()["conservation"] == "ok"


@pytest.mark.parametrize("counts", [ALL, SCREEN, JUDGE])
@pytest.mark.parametrize(
    "lost",
    [
        "messages", "escalations", "verdicts", "deferred", "screenings", "escalations_read",
        "escalations_sent", "dead_letters_decode", "dead_letters_escalation", "dead_letters_judge",
    ],
)  # fmt: skip
def test_one_too_few_of_anything_is_said(counts, lost):
    fields = {name: value for name, value in vars(counts).items() if name != "policies"}
    if fields[lost]:
        assert len(Counts(**fields | {lost: fields[lost] - 1}).imbalances()) == 1


def test_what_the_screen_asks_of_the_judge_is_said_for_a_thousand_posts():
    counts = Counts(messages=200, screenings=200, untouched=150, escalations=60)
    assert "requests per 1,000 posts: 300; 75% of the posts untouched" in str(counts)


def test_a_job_that_screens_nothing_says_nothing_of_posts():
    assert "posts untouched" not in str(JUDGE)


def test_a_dead_letter_without_a_row_is_not_ok():
    counts = Counts(messages=1, dead_letters=1, dead_letters_decode=1, dead_letters_unstored=1)
    (problem,) = counts.imbalances()
    assert "1 dead letters" in problem
