"""What the demo prints: one screen with what it found, and what an edited policy changed."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.rows import NOON
from tests.unit.test_compare_cells import BASE, found
from weir.pipelines.commands import demo_view, terminal
from weir.pipelines.compare.cells import Counted
from weir.pipelines.compare.policy_changes import Version, changes_between
from weir.pipelines.compare.rows import Decided, Flip
from weir.pipelines.demo import DemoReport, Edited
from weir.pipelines.policy_edit import ACCOUNTS_MAY_BE_SOLD
from weir.policies.check import check
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.counts import Counts
from weir.transforms.screen import STARTER, Screen

POLICIES = [policy.policy_id for policy in load_policies(LIBRARY).policies]
SAFE = Decided("d1", "safe", 0.1, (), None, None)


def report(**changes):
    counts = Counts(messages=637, screenings=637, escalations=3_700, verdicts=3_700, violations=119)
    rates = [
        {"policy_id": p, "posts": 637, "judged": 600, "violations": 24, "indeterminate": 28}
        for p in POLICIES
    ]
    flagged = [
        {"policy_id": p, "text": f"[{p}] ＢＵＹ {'now ' * 30}", "rationale": ""} for p in POLICIES
    ]
    made = DemoReport(
        counts, (), 7.0, 5.0, tuple(flagged), tuple(rates), (), (), Screen.load(STARTER)
    )
    return replace(made, **changes)


def edited():
    policy = load_policies(LIBRARY)[ACCOUNTS_MAY_BE_SOLD.policy_id]
    after = policy.text.replace(ACCOUNTS_MAY_BE_SOLD.old, ACCOUNTS_MAY_BE_SOLD.new)
    versions = ({policy.policy_id: Version(v, t)} for v, t in (("v1", policy.text), ("v2", after)))
    flagged, text = replace(SAFE, label="violates"), "Account for sale " * 9
    flip = Flip("posts", 0, 1, "p", NOON, policy.policy_id, text, 0.9, flagged, SAFE)
    compared = found(Counted((replace(BASE, label_a="violates", posts=6),)), [flip] * 3)
    return Edited(replace(compared, changes=changes_between(*versions)), 11, 2.9)


@pytest.fixture
def printed(monkeypatch):
    def of(made):
        file = io.StringIO()
        console = Console(file=file, width=80)
        for module in (demo_view, terminal):
            monkeypatch.setattr(module, "console", console)
        demo_view.print_screen(made, 637, stand_in=True)
        return file.getvalue()

    return of


def test_the_demo_fits_on_one_screen_of_80_columns(printed):
    lines = printed(report(edited=edited())).splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80


def test_a_sentence_that_changed_stands_with_the_verdicts_that_it_changed(printed):
    said = printed(report(edited=edited()))
    assert f"  - CHEAT3: {ACCOUNTS_MAY_BE_SOLD.old}" in said
    assert f"  + CHEAT3: {ACCOUNTS_MAY_BE_SOLD.new}" in said
    assert "6 of 6 decisions changed" in said
    assert "violates -> safe: Account for sale" in said


def test_what_was_deferred_and_why_letters_died_are_on_the_screen(printed):
    counts = replace(
        report().counts,
        deferred=188,
        undated=60,
        nothing_to_read=150,
        dead_letters=3,
        reasons={"decode": {"missing_text": 3}},
    )
    said = printed(report(counts=counts))
    assert "188 over the budget wait" in said
    assert "60 posts without a time that is read: see --time-field" in said
    assert "150 have nothing to read" in said
    assert "3 letters: missing_text (decode)" in said


def test_what_the_judge_could_not_do_stands_with_what_to_change(printed):
    died = {"stage": "judge", "reason": "engine_timeout", "for_example": "raise --judge-timeout"}
    counts = replace(report().counts, dead_letters=3, reasons={"judge": {"engine_timeout": 3}})
    unread = ({"reason": "cut_off", "verdicts": 2}, {"reason": "uncertain", "verdicts": 9})
    said = " ".join(printed(report(counts=counts, causes=(died,), unread=unread)).split())
    assert "3 letters: engine_timeout (judge): raise --judge-timeout" in said
    assert "2 answers: cut_off: its answers are longer than --endpoint-answer-tokens" in said
    assert "uncertain" not in said


def test_posts_that_nobody_wants_to_meet_are_left_to_the_details(printed):
    said = printed(report())
    assert "[spam]" in said
    assert "[hate]" not in said


def test_the_edit_is_of_a_sentence_that_the_policy_has_and_leaves_it_sound(tmp_path):
    changed = ACCOUNTS_MAY_BE_SOLD.write(tmp_path)
    before = load_policies(LIBRARY)[ACCOUNTS_MAY_BE_SOLD.policy_id]
    (after,) = load_policies(tmp_path).policies
    assert after.version != before.version
    assert not [finding for finding in check(after) if finding.level == "error"]
    assert changed == sum(e.rule_id == "CHEAT3" for e in before.examples) > 0
    assert not any(example.rule_id == "CHEAT3" for example in after.examples)


def test_a_sentence_that_is_not_there_is_not_taken_for_edited(tmp_path):
    with pytest.raises(ValueError, match="does not say"):
        replace(ACCOUNTS_MAY_BE_SOLD, old="no such sentence").write(tmp_path)
