"""What a screen learns from, and what it does not."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from weir.transforms.records import Route
from weir.transforms.screen.teaching.lessons import (
    FEW,
    LEAST,
    JudgedPost,
    Lessons,
    choose_lessons,
    distinct,
    half_and_half,
    odd_days,
)

MONDAY = date(2026, 11, 2)
WORDS = [f"{a}{b}" for a in ("plum", "reed", "salt", "oak", "mill", "fern", "pond", "dusk")
         for b in ("wick", "mere", "stow", "ham", "ford", "ley", "den", "by")]  # fmt: skip


def text(number: int) -> str:
    return " ".join(np.random.default_rng(number).choice(WORDS, 8))


def post(
    number: int,
    *,
    violates: bool = False,
    route: Route = Route.ESCALATE,
    score: float | None = 0.5,
    probability: float = 1.0,
    day: int = 0,
) -> JudgedPost:
    return JudgedPost(
        text(number), violates, route, score, probability, MONDAY + timedelta(days=day)
    )


def test_no_audit_teaches_neither_on_time_nor_late() -> None:
    audits = [post(1, route=Route.AUDIT), post(2, route=Route.DEFERRED)]
    lessons, _ = choose_lessons({"spam": [*audits, post(3), post(4, route=Route.LESSON)]})
    assert set(lessons.texts) == {text(3), text(4)}


@pytest.mark.parametrize(
    ("route", "probability", "rate", "least", "most"),
    [
        (Route.AUDIT, 0.1, 0.1, 1000, 1000),
        (Route.AUDIT, 0.5, 0.1, 160, 240),  # sent by a screen in shadow as well
        (Route.ESCALATE, 1.0, 0.1, 70, 130),
        (Route.AUDIT, 0.1, None, 0, 0),
        (Route.LESSON, 0.1, 0.1, 0, 0),
        (Route.DEFERRED, 0.1, 0.1, 0, 0),
        (Route.FORCED, 1.0, None, 1000, 1000),
    ],
)
def test_a_plain_sample_holds_each_post_with_the_same_chance(
    route, probability, rate, least, most
) -> None:
    posts = [replace(post(n, route=route, probability=probability), audit_rate=rate)
             for n in range(1000)]  # fmt: skip
    assert least <= sum(each.sampled for each in posts) <= most


def test_half_are_the_highest_scores_and_half_are_drawn_those_by_chance_first() -> None:
    top = [post(n, score=0.9 + n / 1000) for n in range(20)]
    low = [post(100 + n, score=0.1) for n in range(40)]
    drawn = [post(200 + n, score=0.01, route=Route.LESSON, probability=0.002) for n in range(5)]
    taken = half_and_half([*low, *drawn, *top], 20)
    assert len(taken) == 20
    assert sum(each in top for each in taken) >= 10
    assert all(each in taken for each in drawn)


def test_few_enough_verdicts_are_all_taken() -> None:
    posts = [post(n) for n in range(5)]
    assert half_and_half(posts, 20) == posts


def test_a_flood_of_copies_counts_once() -> None:
    copies = [post(1) for _ in range(300)]
    assert distinct([*copies, post(2)]) == [post(1), post(2)]


def test_posts_with_nothing_to_read_count_once() -> None:
    nothing = JudgedPost("", False, Route.ESCALATE, 0.5, 1.0, MONDAY)
    assert distinct([nothing, nothing, post(2)]) == [nothing, post(2)]


def test_a_post_that_two_policies_judged_is_one_lesson_for_both() -> None:
    lessons, _ = choose_lessons({"spam": [post(1, violates=True)], "hate": [post(1), post(2)]})
    assert lessons.texts == (text(1), text(2))
    assert lessons.labels[0].tolist() == [1.0, 0.0]
    assert np.isnan(lessons.labels[1, 0])


def test_a_policy_with_verdicts_of_one_kind_teaches_nothing_and_that_is_said() -> None:
    lessons, _ = choose_lessons({"spam": [post(n) for n in range(40)]})
    assert lessons.taught() == ()
    assert lessons.lacking() == (
        "spam has 0 violating and 40 safe verdicts to learn from, and needs 10 of both kinds",
    )


def test_ten_verdicts_of_both_kinds_are_enough() -> None:
    lessons, _ = choose_lessons({"spam": [post(n, violates=n < 10) for n in range(20)]})
    assert lessons.taught() == ("spam",)
    assert lessons.lacking() == ()


def week(errs: int | None = None, *, says: bool = True) -> list[JudgedPost]:
    """Return a week's verdicts, a tenth violating; on one day the judge always says the same."""
    return [
        post(100 * day + n, violates=says if day == errs else n < 3, day=day)
        for day in range(7)
        for n in range(30)
    ]


def test_no_day_of_a_steady_judge_is_left_out() -> None:
    assert odd_days(week()) == []


def test_a_day_on_which_the_judge_says_violates_of_everything_is_left_out_and_that_is_said() -> (
    None
):
    lessons, said = choose_lessons({"spam": week(errs=4)})
    assert len(lessons.texts) == 180
    assert said == (
        "the verdicts of 2026-11-06 on spam differ too much from those of other days, so that "
        "nothing is learned from them",
    )


def test_a_day_of_safe_verdicts_alone_is_left_out_where_it_cannot_be_chance() -> None:
    half = [post(1000 * d + n, violates=n % 2 == 0 and d != 3, day=d)
            for d in range(7) for n in range(60)]  # fmt: skip
    assert odd_days(half) == [MONDAY + timedelta(days=3)]


def test_of_two_days_that_differ_nobody_knows_which_is_odd() -> None:
    assert odd_days([each for each in week(errs=1) if each.day < MONDAY + timedelta(days=2)]) == []


def test_nothing_judged_is_no_lesson() -> None:
    lessons, said = choose_lessons({"spam": []})
    assert (lessons.texts, lessons.labels.size, said) == ((), 0, ())


def test_a_head_of_the_second_stage_learns_from_fewer_verdicts() -> None:
    posts = 2 * LEAST
    labels = (np.arange(posts) < FEW).astype(float)[:, None]
    lessons = Lessons(tuple(map(text, range(posts))), labels, ("spam",))
    assert lessons.taught(["spam"]) == ("spam",)
    assert lessons.taught() == ()
    assert not lessons.lacking(["spam"])
    assert "needs 10" in lessons.lacking()[0]
