import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from apache_beam.io.filesystem import FileMetadata, MatchResult
from apache_beam.io.localfilesystem import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app
from weir.policies.check import Finding, check, tokens
from weir.policies.loading import LIBRARY, load_policies, parse_policy, policy_stamps
from weir.policies.policy import Contract, Effort, Example, Policy, PolicyError, Status
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.harmony.prompt import render
from weir.transforms.judge.harmony.structure import label_tokens, structural_tag
from weir.transforms.judge.verdict import parse

ANY = st.characters(exclude_categories=[])  # surrogates, too
FRONT = """\
---
id: loans
title: Loans between strangers
owner: Trust & Safety
labels:
  "1": violates
  "0": safe
rules:
  LOAN1: Asking a stranger for money.
---
"""
OUTPUT = '{"violation": 0|1, "policy_category", "rule_ids", "confidence", "rationale"}'
TEXT = f"""\
## Instruction

Answer with {OUTPUT}.

VIOLATES takes precedence over SAFE. When unsure, answer 0.

## Definitions

- **Stranger**: someone else. {"One more thing to know about strangers. " * 45}

## Criteria

### VIOLATES

- LOAN1: asks.

### SAFE

- Gives.

## Examples

Answer with {OUTPUT}.

- "Lend me ten" → violation 1, LOAN1.
- "Have ten" → violation 0.
- "Lend me twenty" → violation 1, LOAN1.
- "Have twenty" → violation 0.
"""
DOCUMENT = FRONT + TEXT
EXAMPLES = "text,label,rule_id,note\n"
POLICY = parse_policy(DOCUMENT.encode())


def folder(root: Path, name: str, document: str = DOCUMENT, examples: str = "") -> Path:
    place = root / name
    place.mkdir()
    (place / "policy.md").write_text(document, encoding="utf-8")
    if examples:
        (place / "examples.csv").write_text(examples, encoding="utf-8")
    return place


def refusal(document: str | bytes, examples: str | bytes | None = None) -> str:
    as_bytes = document.encode() if isinstance(document, str) else document
    table = examples.encode() if isinstance(examples, str) else examples
    with pytest.raises(PolicyError) as caught:
        parse_policy(as_bytes, examples=table)
    return str(caught.value)


LIBRARY_POLICIES = load_policies(LIBRARY).policies


def test_the_library_has_the_eight_policies() -> None:
    assert [p.policy_id for p in LIBRARY_POLICIES] == [
        "game-cheating",
        "harassment",
        "hate",
        "online-fraud",
        "self-harm",
        "sexual-content",
        "spam",
        "violence",
    ]


@pytest.mark.parametrize("policy", LIBRARY_POLICIES, ids=lambda p: p.policy_id)
class TestEveryPolicyOfTheLibrary:
    def test_has_nothing_to_mend(self, policy: Policy) -> None:
        assert check(policy) == []

    def test_has_at_least_forty_golden_cases_and_nearly_as_many_of_each_side(
        self, policy: Policy
    ) -> None:
        violating = sum(e.violates for e in policy.examples)
        assert len(policy.examples) >= 40
        assert 0.4 <= violating / len(policy.examples) <= 0.6

    def test_has_at_least_twelve_hard_safe_cases_that_say_why_they_are_hard(
        self, policy: Policy
    ) -> None:
        assert sum(not e.violates and e.note is not None for e in policy.examples) >= 12

    def test_names_the_rule_of_every_violating_case(self, policy: Policy) -> None:
        assert [e.text for e in policy.examples if e.violates and e.rule_id is None] == []

    def test_keeps_its_golden_cases_out_of_the_text_that_the_model_reads(
        self, policy: Policy
    ) -> None:
        assert [e.text for e in policy.examples if f'"{e.text}"' in policy.text] == []


def test_no_golden_case_sexualises_a_minor() -> None:
    (policy,) = (p for p in LIBRARY_POLICIES if p.policy_id == "sexual-content")
    assert [e for e in policy.examples if e.rule_id == "SEX5"] == []


def test_a_document_becomes_a_policy_with_defaults_for_what_it_leaves_out() -> None:
    assert POLICY.policy_id == "loans"
    assert POLICY.rules == {"LOAN1": "Asking a stranger for money."}
    assert POLICY.labels == {"1": "violates", "0": "safe"}
    assert (POLICY.status, POLICY.effort, POLICY.contract) == (
        Status.ACTIVE,
        Effort.LOW,
        Contract.JSON,
    )
    assert POLICY.text == TEXT.strip("\n")


def test_a_policy_may_have_labels_of_its_own() -> None:
    front = (
        FRONT.replace("labels", "contract: label\nlabels")
        .replace('"1"', "yes")
        .replace('"0"', "0.0")
    )
    assert parse_policy((front + TEXT).encode()).labels == {"yes": "violates", "0.0": "safe"}


def test_a_policy_may_have_labels_and_rules_behind_them() -> None:
    front = FRONT.replace("labels", "contract: label-rules\nlabels")
    assert parse_policy((front + TEXT).encode()).contract is Contract.LABEL_RULES


def test_a_byte_order_mark_and_windows_line_endings_leave_the_version_as_it_was() -> None:
    windows = "\ufeff" + DOCUMENT.replace("\n", "\r\n")
    assert parse_policy(windows.encode()).version == POLICY.version


def test_a_horizontal_rule_in_the_text_belongs_to_the_text() -> None:
    policy = parse_policy((FRONT + "Above\n---\nbelow").encode())
    assert policy.text == "Above\n---\nbelow"


def test_golden_cases_keep_their_commas_quotes_and_line_breaks() -> None:
    table = EXAMPLES + '"a, ""b""\nc",violates,LOAN1,hard\nd,safe,,\n'
    policy = parse_policy(DOCUMENT.encode(), examples=table.encode())
    assert policy.examples == (
        Example('a, "b"\nc', True, "LOAN1", "hard"),
        Example("d", False),
    )


@pytest.mark.parametrize(
    ("document", "place", "says"),
    [
        ("", "policy.md:1:", "no front matter"),
        ("# Loans", "policy.md:1:", "no front matter"),
        ("---\nid: a\n", "policy.md:3:", "never ends"),
        ("---\n- id\n---\ntext", "policy.md:2:", "no mapping"),
        ("---\n---\ntext", "policy.md:2:", "no mapping"),
        (DOCUMENT.replace("title: ", "title: a: b: "), "policy.md:3:", "not YAML"),
        (DOCUMENT.replace("Loans", "\x00"), "policy.md:2:", "not YAML"),
        (DOCUMENT.replace("title", "titel"), "policy.md:3:", "unknown key 'titel'"),
        (DOCUMENT.replace("title", "id"), "policy.md:3:", "twice"),
        (DOCUMENT.replace("title", "? [a]\n: b\ntitle"), "policy.md:3:", "a key that is not text"),
        (DOCUMENT.replace("owner: Trust & Safety\n", ""), "policy.md:2:", "no 'owner'"),
        (DOCUMENT.replace("id: loans", "id: ../loans"), "policy.md:2:", "is no id"),
        (DOCUMENT.replace("Trust & Safety", ""), "policy.md:4:", "'owner' has no text"),
        (DOCUMENT.replace("owner:", "status: on\nowner:"), "policy.md:4:", "status is 'on'"),
        (DOCUMENT.replace("owner:", "effort: max\nowner:"), "policy.md:4:", "effort is 'max'"),
        (DOCUMENT.replace("owner:", "contract: xml\nowner:"), "policy.md:4:", "contract is 'xml'"),
        (DOCUMENT.replace(": safe", ": fine"), "policy.md:5:", "means 'fine'"),
        (DOCUMENT.replace(": safe", ": violates"), "policy.md:5:", "at least one"),
        (DOCUMENT.replace('"0"', '"2"'), "policy.md:5:", "contract: label"),
        (
            DOCUMENT.replace("rules:", "rules: LOAN1 #").replace("  LOAN1:", "#"),
            "policy.md:8:",
            "no mapping",
        ),
        (
            FRONT.replace("labels", "contract: label-rules\nlabels").split("rules:\n")[0]
            + "---\ntext",
            "policy.md:5:",
            "needs rules",
        ),
        (DOCUMENT.replace("LOAN1", "no loans"), "policy.md:8:", "not one word"),
        (DOCUMENT.replace("Loans between", r'"\ud83d" #'), "policy.md:3:", "character U+D83D"),
        (DOCUMENT.replace("Trust & Safety", r'"\0"'), "policy.md:4:", "character U+0000"),
        (DOCUMENT.replace("  LOAN1: ", r'  LOAN1: "\e" #'), "policy.md:9:", "character U+001B"),
        (DOCUMENT.replace("LOAN1", r'"\ud83d"'), "policy.md:9:", "character U+D83D"),
        (DOCUMENT.replace("Loans between", r'"\U00110000" #'), "policy.md:2:", "not YAML"),
        (DOCUMENT.replace("Loans between", r'"\UFFFFFFFF" #'), "policy.md:2:", "not YAML"),
        (DOCUMENT.replace("Loans between", "[" * 2000), "policy.md:2:", "not YAML"),
        (DOCUMENT.replace('"0"', "x" * 65), "policy.md:5:", "not 1 to 64 characters"),
        (DOCUMENT.replace('"0"', r'"a\nb"'), "policy.md:5:", "not 1 to 64 characters"),
        (DOCUMENT.replace('"0"', '" 0"'), "policy.md:5:", "not 1 to 64 characters"),
        (
            DOCUMENT.replace('  "0"', "".join(f"  L{n}: safe\n" for n in range(40)) + '  "0"'),
            "policy.md:5:",
            "there are 42 labels",
        ),
        (
            DOCUMENT.replace("  LOAN1", "".join(f"  L{n}: no\n" for n in range(300)) + "  LOAN1"),
            "policy.md:8:",
            "there are 301 rules",
        ),
        (DOCUMENT + "a" * 5000, "policy.md:39:", "without a break"),
        (FRONT, "policy.md:11:", "has no text"),
        (FRONT + " \n\n", "policy.md:11:", "has no text"),
    ],
)
def test_a_document_that_cannot_be_used_is_refused_at_its_line(
    document: str, place: str, says: str
) -> None:
    message = refusal(document)
    assert message.startswith(place)
    assert says in message


def test_a_document_that_is_not_utf_8_is_refused_at_the_line_of_the_byte() -> None:
    assert refusal(FRONT.encode() + b"caf\xe9").startswith("policy.md:11: this is not UTF-8")


@pytest.mark.parametrize(
    ("table", "place", "says"),
    [
        ("", "examples.csv:1:", "first line"),
        ("text,label\na,safe\n", "examples.csv:1:", "first line"),
        (EXAMPLES + "a,b,safe,,\n", "examples.csv:2:", "5 columns"),
        (EXAMPLES + "a,safe,,\n ,safe,,\n", "examples.csv:3:", "no text"),
        (EXAMPLES + "a,ok,,\n", "examples.csv:2:", "label is 'ok'"),
        (EXAMPLES + "a,violates,LOAN9,\n", "examples.csv:2:", "no rule 'LOAN9'; its rules: LOAN1"),
        (EXAMPLES + '"a"b,safe,,\n', "examples.csv:2:", "double the quotes"),
        (EXAMPLES + '"a,safe,,\n', "examples.csv:2:", "double the quotes"),
        (EXAMPLES.encode() + b"\xff,safe,,\n", "examples.csv:2:", "not UTF-8"),
    ],
)
def test_golden_cases_that_cannot_be_used_are_refused_at_their_line(
    table: str | bytes, place: str, says: str
) -> None:
    message = refusal(DOCUMENT, table)
    assert message.startswith(place)
    assert says in message


def refusal_or_none(document: bytes, examples: bytes | None = None) -> str | None:
    try:
        parse_policy(document, examples=examples)
    except PolicyError as error:
        return str(error)
    return None


@given(st.text(), st.text())
def test_any_text_is_a_policy_or_refused(front: str, text: str) -> None:
    message = refusal_or_none(f"---\n{front}\n---\n{text}".encode(errors="surrogatepass"))
    assert message is None or message.startswith("policy.md:")


@given(st.text(ANY), st.text(ANY), st.text(ANY), st.sampled_from(Contract))
@settings(max_examples=60, deadline=None)
def test_whatever_a_workers_steps_make_of_a_policy_that_loads_they_can(
    title: str, label: str, rule: str, contract: Contract
) -> None:
    front = f"""\
---
id: any
title: {json.dumps(title)}
owner: {json.dumps(title)}
contract: {contract}
labels: {{"1": violates, "0": safe, {json.dumps(label)}: safe}}
rules: {{R1: {json.dumps(rule)}}}
---
What is asked.
"""
    try:
        policy = parse_policy(front.encode())
    except PolicyError:
        return
    stored = [policy.title, policy.owner, *policy.labels, *policy.rules.values()]
    assert pa.array(stored, pa.string()).to_pylist() == stored
    assert render(policy, "post").tokens
    assert json.loads(structural_tag(policy, 10))
    assert label_tokens(policy)
    assert parse(Completion(label), policy)


@given(st.binary())
def test_any_bytes_are_golden_cases_or_refused(table: bytes) -> None:
    message = refusal_or_none(DOCUMENT.encode(), EXAMPLES.encode() + table)
    assert message is None or message.startswith("examples.csv:")


def test_policies_come_ordered_by_id_whatever_their_folders_are_called(tmp_path: Path) -> None:
    folder(tmp_path, "1", DOCUMENT.replace("id: loans", "id: zebra"))
    folder(tmp_path, "2")
    (tmp_path / "notes.md").write_text("not a policy")
    assert [p.policy_id for p in load_policies(tmp_path).policies] == ["loans", "zebra"]


def test_a_policy_needs_no_golden_cases(tmp_path: Path) -> None:
    folder(tmp_path, "loans")
    assert load_policies(str(tmp_path) + "/")["loans"].examples == ()


def test_a_retired_policy_is_left_out(tmp_path: Path) -> None:
    retired = DOCUMENT.replace("id: loans", "id: old\nstatus: retired")
    folder(tmp_path, "loans")
    folder(tmp_path, "old", retired)
    assert [p.policy_id for p in load_policies(tmp_path).policies] == ["loans"]


def test_a_set_that_would_moderate_nothing_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "old", DOCUMENT.replace("id: loans", "id: old\nstatus: retired"))
    with pytest.raises(PolicyError, match="every policy is retired"):
        load_policies(tmp_path)


def test_two_policies_with_one_id_are_refused_and_both_are_named(tmp_path: Path) -> None:
    folder(tmp_path, "first")
    folder(tmp_path, "second")
    with pytest.raises(PolicyError, match=r"second/policy\.md: the id 'loans' .*first/policy\.md"):
        load_policies(tmp_path)


def test_a_folder_without_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy here"):
        load_policies(tmp_path)
    with pytest.raises(PolicyError, match="no such folder"):
        load_policies(tmp_path / "missing")


def test_a_policy_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loans" / "policy.md").mkdir(parents=True)
    with pytest.raises(PolicyError, match=r"loans/policy\.md: it cannot be read"):
        load_policies(tmp_path)


def test_a_pipe_in_a_policys_place_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "loans").mkdir()
    os.mkfifo(tmp_path / "loans" / "policy.md")
    with pytest.raises(
        PolicyError, match=r"loans/policy\.md: it cannot be read \(it is no regular"
    ):
        load_policies(tmp_path)


def test_a_device_in_the_place_of_examples_is_refused_and_not_read_for_ever(tmp_path: Path) -> None:
    (folder(tmp_path, "loans") / "examples.csv").symlink_to("/dev/zero")
    with pytest.raises(PolicyError, match=r"examples\.csv: it cannot be read \(it is no regular"):
        load_policies(tmp_path)


def test_a_document_that_no_model_would_follow_for_its_length_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "loans", DOCUMENT + "one more line\n" * 40_000)
    with pytest.raises(PolicyError, match=r"it is larger than 512 KiB"):
        load_policies(tmp_path)


def test_a_link_to_nowhere_does_not_take_its_policy_out_of_force(tmp_path: Path) -> None:
    folder(tmp_path, "other")
    (tmp_path / "loans").mkdir()
    (tmp_path / "loans" / "policy.md").symlink_to("nowhere")
    with pytest.raises(PolicyError, match=r"loans/policy\.md:1: the document is missing"):
        load_policies(tmp_path)


class Shelf(LocalFileSystem):
    """Local files under a scheme of their own, as an object store's are."""

    @classmethod
    def scheme(cls) -> str:
        return "shelf"

    def match(self, patterns: list[str], limits: Any = None) -> list[MatchResult]:
        (found,) = super().match([p.removeprefix("shelf://") for p in patterns], limits)
        listed = [FileMetadata("shelf://" + m.path, m.size_in_bytes) for m in found.metadata_list]
        return [MatchResult(patterns[0], listed)]

    def open(self, path: str, *arguments: Any) -> Any:
        return super().open(path.removeprefix("shelf://"), *arguments)

    def exists(self, path: str) -> bool:
        exists: bool = super().exists(path.removeprefix("shelf://"))
        return exists


def test_an_object_store_gives_the_same_policies_as_a_folder(tmp_path: Path) -> None:
    folder(tmp_path, "loans", examples=EXAMPLES + "a,safe,,\n")
    folder(tmp_path, "none", DOCUMENT.replace("id: loans", "id: none"))
    from_store = load_policies(f"shelf://{tmp_path}")
    assert from_store == load_policies(tmp_path)
    assert from_store.version == load_policies(tmp_path).version


def test_an_edit_in_an_object_store_that_knows_no_times_is_seen_though_its_size_is_the_same(
    tmp_path: Path,
) -> None:
    folder(tmp_path, "loans")
    before = policy_stamps(f"shelf://{tmp_path}")
    assert before == policy_stamps(f"shelf://{tmp_path}")
    document = tmp_path / "loans" / "policy.md"
    document.write_text(document.read_text().swapcase())
    after = policy_stamps(f"shelf://{tmp_path}")
    assert [path for path, _ in after] == [path for path, _ in before]
    assert after != before


def test_a_prefix_that_no_filesystem_reads_is_refused() -> None:
    with pytest.raises(PolicyError, match="nosuch://bucket: the policies cannot be listed"):
        load_policies("nosuch://bucket")


def test_a_local_folder_is_read_without_importing_beam() -> None:
    program = (
        "import sys; from weir.policies.loading import LIBRARY, load_policies; "
        "load_policies(LIBRARY); assert 'apache_beam' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


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
