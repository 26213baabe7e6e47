"""From cells of like pairs to flips, by whatever they have in common."""

from dataclasses import replace

import pytest

from tests.rows import NOON
from weir.pipelines.compare.cells import Cell, Cost, Counted
from weir.pipelines.compare.page import page
from weir.pipelines.compare.policy_changes import Version, changes_between
from weir.pipelines.compare.rows import Compared, Decided, Flip, Posts
from weir.pipelines.compare.sides import Side, Window, days_left_out, window_of
from weir.pipelines.compare.wording import figures, slice_in_words
from weir.pipelines.errors import OptionError

BASE = Cell("spam", "safe", "safe", None, "en", "1-49", "0-19", 1)


def cells(*labels_and_posts, **changes):
    return [
        replace(BASE, label_a=a, label_b=b, posts=posts, **changes)
        for a, b, posts in labels_and_posts
    ]


def total(*labels_and_posts):
    group = Counted(tuple(cells(*labels_and_posts))).total
    return group.flips.gained, group.flips.lost, group.flips.pairs, group.unsure


def test_cleared_and_safe_are_the_same_to_who_posted_it():
    assert total(("cleared", "safe", 3), ("cleared", "violates", 2)) == (2, 0, 5, 0)


def test_indeterminate_and_undecided_are_no_flips_and_stand_beside_them():
    assert total(
        ("violates", "indeterminate", 2),
        ("undecided", "violates", 3),
        ("violates", "safe", 1),
        ("violates", "violates", 4),
    ) == (0, 1, 5, 5)


def test_what_only_one_side_has_is_not_compared():
    counted = Counted(
        tuple(cells((None, "violates", 7), ("violates", None, 5), ("safe", "safe", 1)))
    )
    assert counted.total.flips.pairs == 1
    assert counted.transitions == {("safe", "safe"): 1}


def test_policies_of_one_side_only_are_named():
    of_a = replace(BASE, policy_id="old", label_b=None)
    of_b = replace(BASE, policy_id="new", label_a=None)
    assert Counted((BASE, of_a, of_b)).policies_of_one_side == (["old"], ["new"])


def test_groups_with_the_most_flips_come_first():
    counted = Counted(
        (
            *cells(("safe", "safe", 100), language="en"),
            *cells(("safe", "violates", 1), language="tr"),
            *cells(("violates", "safe", 3), language="de"),
        )
    )
    (languages,) = (b for b in counted.breakdowns if b.by == "language")
    assert [group.name for group in languages.groups] == ["de", "tr", "en"]
    (categories,) = (b for b in counted.breakdowns if b.by.startswith("category"))
    assert sum(group.flips.pairs for group in categories.groups) == 4


@pytest.mark.parametrize(
    ("one", "other", "together"), [(None, None, None), (None, 5, 5), (5, None, 5), (2, 3, 5)]
)
def test_tokens_are_unknown_only_where_nobody_counted_them(one, other, together):
    assert (Cost(tokens_in=one) + Cost(tokens_in=other)).tokens_in == together


def side(name, first, last):
    day = NOON.date()
    return Side(name, name, None, None, day.replace(day=first), day.replace(day=last))


def test_the_days_that_both_sides_have_are_compared_and_the_others_counted():
    live, replay = side("live", 1, 30), side("replay", 4, 5)
    window = window_of(live, replay, None, None)
    assert (window.since.isoformat(), window.until.isoformat()) == (
        "2026-03-04T00:00:00+00:00",
        "2026-03-06T00:00:00+00:00",
    )
    assert (days_left_out(live, window), days_left_out(replay, window)) == (28, 0)


def test_without_a_common_day_there_is_nothing_to_compare():
    with pytest.raises(OptionError, match="2026-03-01 to 2026-03-02 and b of 2026-03-04"):
        window_of(side("a", 1, 2), side("b", 4, 4), None, None)


def found(counted, flips=()):
    a, b = side("a", 1, 5), side("b", 4, 4)
    return Compared(a, b, Window(*_day(4)), Posts(1, 2, 3), counted, tuple(flips))


def _day(day):
    midnight = NOON.replace(day=day, hour=0)
    return midnight, midnight.replace(day=day + 1)


def test_all_that_is_left_out_is_said():
    counted = Counted(
        (
            BASE,
            replace(BASE, label_a="indeterminate"),
            replace(BASE, policy_id="old", label_b=None),
        )
    )
    said = " ".join(slice_in_words(found(counted)))
    assert "2 posts are only in a and 3 only in b" in said
    assert "a also covers 4 other days" in said
    assert "Only a decided by old" in said
    assert "1 decisions. They are neither flagged nor safe" in said


def test_a_post_that_was_not_stored_is_said_to_be_so():
    decided = Decided("d1", "violates", None, (), None, None)
    flip = Flip("t", 0, 1, "p1", NOON, "spam", None, None, decided, replace(decided, label="safe"))
    shown = page(found(Counted((BASE,)), [flip]))
    assert "(not stored)" in shown
    assert "style-src &#39;sha256-" not in shown
    assert "'sha256-" in shown


def test_of_few_pairs_no_interval_is_given_since_it_would_say_nothing():
    few, many = (Counted((replace(BASE, posts=posts),)).total for posts in (3, 40))
    assert figures(few)[-1] == "too few to say"
    assert figures(many)[-1] == "+0.0 (-6.6 to +6.6)"


def test_the_page_marks_the_words_of_a_policy_that_changed():
    before, after = "Spam is bulk.\nAsk for <money>.", "Spam is bulk.\nAsk for <gifts>."
    changes = changes_between({"spam": Version("v1", before)}, {"spam": Version("v2", after)})
    shown = page(replace(found(Counted((BASE,))), changes=changes))
    assert "Ask for &lt;<del>money</del><ins>gifts</ins>&gt;." in shown
    assert "from <code>v1</code> to <code>v2</code>" in shown


def test_a_version_whose_text_is_the_same_or_unknown_is_said_to_differ_otherwise():
    same, unknown = Version("v1", "Spam."), Version("v2", None)
    for other in (Version("v2", "Spam."), unknown):
        (change,) = changes_between({"spam": same}, {"spam": other})
        assert change.passages == ()
        shown = page(replace(found(Counted((BASE,))), changes=(change,)))
        assert "labels, rules, effort or contract differ" in shown


def test_a_policy_of_one_side_or_of_one_version_has_not_changed():
    version = Version("v1", "Spam.")
    assert changes_between({"spam": version, "hate": version}, {"spam": version}) == ()
