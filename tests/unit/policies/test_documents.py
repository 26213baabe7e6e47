"""What a policy document and its golden cases may be, and where they are refused."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policies.cases import (
    DOCUMENT,
    EXAMPLES,
    FRONT,
    POLICY,
    TEXT,
    refusal,
)
from weir.policies.loading import parse_policy
from weir.policies.policy import Contract, Effort, Example, PolicyError, Status
from weir.transforms.judge.engine import Completion
from weir.transforms.judge.harmony.prompt import render
from weir.transforms.judge.harmony.structure import label_tokens, structural_tag
from weir.transforms.judge.verdict import parse

ANY = st.characters(exclude_categories=[])  # surrogates, too


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


def test_a_policy_may_have_two_efforts_and_a_band_between_them() -> None:
    two = DOCUMENT.replace("owner:", "effort: low, high\neffort_band: 0.2, 0.85\nowner:")
    policy = parse_policy(two.encode())
    assert (policy.effort, policy.second_effort) == (Effort.LOW, Effort.HIGH)
    assert policy.effort_band == (0.2, 0.85)
    assert [rung.effort for rung in policy.rungs] == [Effort.LOW, Effort.HIGH]


def test_each_effort_is_asked_as_a_policy_with_that_effort_alone() -> None:
    two = replace(POLICY, second_effort=Effort.HIGH, effort_band=(0.2, 0.8))
    assert [rung.version for rung in two.rungs] == [
        POLICY.version,
        replace(POLICY, effort=Effort.HIGH).version,
    ]
    versions = {two.version, replace(two, effort_band=(0.1, 0.8)).version, POLICY.version}
    assert len(versions) == 3


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
        (
            DOCUMENT.replace("owner:", "effort: high, low\nowner:"),
            "policy.md:4:",
            "the lower first",
        ),
        (DOCUMENT.replace("owner:", "effort: low, max\nowner:"), "policy.md:4:", "or two of them"),
        (
            DOCUMENT.replace("owner:", "effort_band: 0.2, 0.8\nowner:"),
            "policy.md:4:",
            "effort_band is for two efforts",
        ),
        (
            DOCUMENT.replace("owner:", "effort: low, high\neffort_band: 0.8, 0.2\nowner:"),
            "policy.md:5:",
            "write two probabilities",
        ),
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
        (DOCUMENT.replace("Loans between", "[" * 500), "policy.md:2:", "not YAML"),
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
