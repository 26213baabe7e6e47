"""What `weir policy check` finds."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.policies.cases import (
    DOCUMENT,
    EXAMPLES,
    FRONT,
    OUTPUT,
    POLICY,
    TEXT,
    folder,
)
from weir.pipelines.commands.cli import app
from weir.policies.check import Finding, check, tokens
from weir.policies.loading import parse_policy
from weir.policies.policy import Contract, Example, Policy


def messages(policy: Policy, level: str) -> list[str]:
    return [f.message for f in check(policy) if f.level == level]


def with_text(old: str, new: str) -> Policy:
    assert old in POLICY.text
    return replace(POLICY, text=POLICY.text.replace(old, new))


def test_a_policy_as_the_guide_recommends_has_no_findings() -> None:
    assert check(POLICY) == []


@pytest.mark.parametrize("part", ["Instruction", "Definitions", "Criteria", "Examples"])
def test_a_missing_part_is_an_error(part: str) -> None:
    assert f"there is no part '## {part}'; add it" in messages(
        with_text(f"## {part}", "## Else"), "error"
    )


def test_an_empty_part_is_an_error_at_its_line() -> None:
    text = POLICY.text.split("## Examples")[0] + "## Examples"
    line = text.count("\n") + 1
    assert Finding(line, "error", "Examples is empty; write it") in check(
        replace(POLICY, text=text)
    )


def test_parts_in_another_order_are_a_warning() -> None:
    swapped = POLICY.text.replace("## Instruction", "## X").replace(
        "## Definitions", "## Instruction"
    )
    swapped = swapped.replace("## X", "## Definitions")
    assert any("another order" in m for m in messages(replace(POLICY, text=swapped), "warning"))


@pytest.mark.parametrize("side", ["VIOLATES", "SAFE"])
def test_criteria_without_both_sides_are_an_error(side: str) -> None:
    assert f"Criteria does not say what is {side}" in messages(
        with_text(f"### {side}", "### Else"), "error"
    )


def test_a_length_outside_the_guide_is_a_warning_and_a_huge_one_an_error() -> None:
    short = with_text("One more thing to know about strangers. ", "")
    long = with_text("someone else.", "someone else. " * 200)
    huge = with_text("someone else.", "someone else. " * 5000)
    assert any("say more" in m for m in messages(short, "warning"))
    assert any("cut it, or split" in m for m in messages(long, "warning"))
    assert any("the limit is 10,000" in m for m in messages(huge, "error"))


@pytest.mark.parametrize("part", ["Instruction", "Examples"])
def test_an_output_format_that_is_not_stated_in_both_places_is_an_error(part: str) -> None:
    before, after = POLICY.text.split(f"## {part}")
    policy = replace(POLICY, text=before + f"## {part}" + after.replace("rationale", "why", 1))
    (finding,) = check(policy)
    assert finding.level == "error"
    assert finding.line == before.count("\n") + 1
    assert "output format: rationale not named" in finding.message
    pasted = f"## {part}\n\n{finding.message.partition('paste: ')[2]}\n"
    assert check(replace(policy, text=policy.text.replace(f"## {part}\n", pasted))) == []


def test_the_guides_shorter_json_form_is_a_form_too() -> None:
    short = '{"violation": 0|1, "policy_category": "loans"|null}'
    assert check(replace(POLICY, text=POLICY.text.replace(OUTPUT, short))) == []


def test_a_label_or_rule_that_the_text_never_uses_is_an_error() -> None:
    policy = replace(
        POLICY,
        contract=Contract.LABEL,
        labels={"V": "violates", "S": "safe"},
        rules={"LOAN2": "Another."},
    )
    assert "the text never uses the label 'V'" in messages(policy, "error")
    assert "the text never names the rule LOAN2" in messages(policy, "error")


@pytest.mark.parametrize(("count", "found"), [(3, True), (4, False), (6, False), (7, True)])
def test_four_to_six_examples_belong_in_the_text(count: int, found: bool) -> None:
    head = POLICY.text.split('- "Lend me ten"')[0]
    text = head + "\n".join(f'- "Lend me {i}" → violation 1.' for i in range(count))
    assert any("examples in the text" in f.message for f in check(replace(POLICY, text=text))) == (
        found
    )


def test_golden_cases_that_contradict_each_other_are_an_error() -> None:
    examples = (Example("Lend  me TEN", True), Example("lend me ten ", False))
    (message,) = messages(replace(POLICY, examples=examples), "error")
    assert "labels examples 1 and 2 differently" in message


def test_golden_cases_that_repeat_or_all_agree_are_a_warning() -> None:
    examples = (Example("Lend me ten", True), Example("lend me ten", True))
    repeated, one_sided = messages(replace(POLICY, examples=examples), "warning")
    assert "has example 1 again as 2" in repeated + one_sided
    assert "no example labelled safe" in repeated + one_sided


def test_a_text_without_any_part_is_checked_too() -> None:
    found = messages(replace(POLICY, text="Answer 1 or 0."), "error")
    assert sum("there is no part" in message for message in found) == 4


@pytest.mark.parametrize(
    ("sentence", "word"),
    [
        ("Asking is usually fine.", "usually"),
        ("Anything Inappropriate violates.", "inappropriate"),
        ("Asking for money, cards, etc. violates.", "etc"),
    ],
)
def test_a_vague_word_is_a_warning_at_its_line(sentence: str, word: str) -> None:
    policy = with_text("- LOAN1: asks.", f"- LOAN1: asks.\n- {sentence}")
    (finding,) = check(policy)
    assert finding.line == policy.text.split("\n").index(f"- {sentence}") + 1
    assert (finding.level, finding.message.split(" is vague")[0]) == ("warning", repr(word))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("- LOAN1: asks.", '- LOAN1: asks, "etc" included.'),
        ('- "Have ten" →', "- usually harmless →"),
        ("- **Stranger**", "- **Excessive**: over 100.\n- **Stranger**"),
    ],
    ids=["in quotes", "in an example", "defined"],
)
def test_a_word_that_is_quoted_or_defined_is_not_vague(old: str, new: str) -> None:
    policy = with_text(old, new)
    policy = replace(policy, text=policy.text.replace("- Gives.", "- Gives no excessive sum."))
    vague = {f.message.split()[0] for f in check(policy) if "is vague" in f.message}
    assert vague == (set() if "Excessive" in new else {"'excessive'"})


def test_a_policy_that_does_not_say_what_wins_or_what_to_do_when_unsure_is_warned_of() -> None:
    policy = with_text("VIOLATES takes precedence over SAFE. When unsure, answer 0.", "Decide.")
    found = messages(policy, "warning")
    assert any("state the precedence" in message for message in found)
    assert any("when unsure; say it" in message for message in found)


def test_a_label_that_no_example_is_answered_with_is_a_warning() -> None:
    always = with_text("violation 0", "violation 1")
    (message,) = messages(always, "warning")
    assert message == "no example is answered with the label '0'; add one"
    labelled = replace(
        POLICY,
        contract=Contract.LABEL,
        labels={"YES": "violates", "NO": "safe", "OFF": "safe"},
        text=POLICY.text.replace("violation 1", "YES").replace("violation 0", "NO"),
    )
    assert "no example is answered with the label 'OFF'; add one" in messages(labelled, "warning")


def test_examples_in_the_text_that_contradict_each_other_are_an_error() -> None:
    policy = with_text('"Have twenty"', '"Lend  me TEN"')
    (finding,) = check(policy)
    assert finding.level == "error"
    assert finding.line == policy.text.split("\n").index('- "Lend  me TEN" → violation 0.') + 1
    assert "contradicts an earlier example" in finding.message


def test_an_example_in_the_text_that_contradicts_a_golden_one_names_its_line() -> None:
    table = EXAMPLES + 'Give me one,violates,LOAN1,\n"Have\nten",violates,LOAN1,\nBye,safe,,\n'
    policy = parse_policy(DOCUMENT.encode(), examples=table.encode())
    (finding,) = check(policy)
    assert "the example contradicts examples.csv line 4" in finding.message


def test_lines_are_those_of_the_files_as_they_stand_on_disk(tmp_path: Path) -> None:
    document = FRONT + "\n\n" + TEXT.replace("- Gives.", "- Gives, usually.")
    examples = EXAMPLES + "Hi,safe,,\nLend,violates,LOAN1,\nhi,safe,,\n"
    place = folder(tmp_path, "loans", document, examples)
    result = CliRunner().invoke(app, ["policy", "check", "--policies", str(tmp_path)])
    lines = (place / "policy.md").read_text("utf-8").split("\n")
    assert f"loans/policy.md:{lines.index('- Gives, usually.') + 1}: warning: " in result.stdout
    assert "loans/examples.csv:4: warning: examples.csv has example 1 again" in result.stdout
    assert result.exit_code == 0


def test_control_strings_in_a_policy_are_counted_as_plain_text() -> None:
    assert tokens("<|start|>") > 1
