"""Statements of reasons: what the DSA Transparency Database takes, and what never goes out."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app
from weir.pipelines.errors import OptionError
from weir.pipelines.transparency.decisions import Decision
from weir.pipelines.transparency.export import reasons, state, write_export
from weir.pipelines.transparency.statement import statement
from weir.pipelines.transparency.validator import batch_faults, faults
from weir.policies.grounds import Grounds, parse_grounds
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import PolicySet

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
DECISION = Decision(
    decision_id="d1",
    policy_id="spam",
    policy_version="v1",
    created_at=NOON,
    applied_at=NOON,
    language="en-GB",
    rule_ids=("SPAM1",),
    by_machine=True,
    by_person=False,
    drawn=False,
)
USUAL = parse_grounds({"contractual": "Terms, part 4", "action": "removed", "territory": "EU"})
KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def library():
    return load_policies(LIBRARY)


@pytest.fixture
def sound(library):
    policy = library["spam"]
    return statement(DECISION, policy, policy.grounds.otherwise(USUAL), KEY)


def test_a_decision_under_grounds_that_miss_nothing_would_be_taken(sound):
    assert faults(sound) == []
    assert sound["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_REMOVED"]
    assert sound["content_language"] == "EN"
    assert len(sound["territorial_scope"]) == 27


FAULTS = {
    "no decision": ({"decision_visibility": []}, "decision_visibility", "is missing, and no other"),
    "no puid": ({"puid": None}, "puid", "is missing"),
    "no facts": ({"decision_facts": ""}, "decision_facts", "is missing"),
    "no ground": (
        {"decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT"},
        "illegal_content_legal_ground",
        "is missing, which DECISION_GROUND_ILLEGAL_CONTENT needs",
    ),
    "other without text": (
        {"decision_visibility": ["DECISION_VISIBILITY_OTHER"]},
        "decision_visibility_other",
        "is missing",
    ),
    "text without other": (
        {"content_type_other": "a poem"},
        "content_type_other",
        "is there without CONTENT_TYPE_OTHER",
    ),
    "a category of version 1": (
        {"category": "STATEMENT_CATEGORY_PORNOGRAPHY_OR_SEXUALIZED_CONTENT"},
        "category",
        "is none of the values",
    ),
    "a keyword that is none": (
        {"category_specification": ["KEYWORD_RUDE"]},
        "category_specification",
        "holds what is none",
    ),
    "a word for a list": ({"content_type": "CONTENT_TYPE_TEXT"}, "content_type", "is no list"),
    "twice the same": ({"territorial_scope": ["DE", "DE"]}, "territorial_scope", "twice"),
    "a country outside": ({"territorial_scope": ["US"]}, "territorial_scope", "holds what is none"),
    "Greece by its other code": ({"territorial_scope": ["EL"]}, "territorial_scope", "holds what"),
    "a language in lower case": ({"content_language": "en"}, "content_language", "is none of"),
    "yes for Yes": ({"automated_detection": True}, "automated_detection", "is none of the values"),
    "Yes for a decision": ({"automated_decision": "Yes"}, "automated_decision", "is none of"),
    "a time for a day": ({"content_date": "2026-03-04T12:00"}, "content_date", "is no day"),
    "a day that is none": ({"application_date": "2026-02-30"}, "application_date", "is no day"),
    "a post before 2000": ({"content_date": "1999-12-31"}, "content_date", "is before 2000"),
    "a decision before 2020": ({"application_date": "2019-12-31"}, "application_date", "is before"),
    "an end before the start": (
        {"end_date_visibility_restriction": "2026-03-03"},
        "end_date_visibility_restriction",
        "is before the application_date",
    ),
    "a long text": ({"decision_facts": "a" * 5_001}, "decision_facts", "longer than 5,000"),
    "a long puid": ({"puid": "a" * 501}, "puid", "longer than 500"),
    "a puid with a slash": ({"puid": "posts/0/1"}, "puid", "more than letters"),
    "an unknown attribute": ({"url": "https://example.org"}, "url", "is no attribute"),
    "another identifier": ({"content_id": {"post": "1"}}, "content_id", "another key than EAN-13"),
    "an address with a name in it": (
        {"decision_ground_reference_url": "https://ann@example.org/"},
        "decision_ground_reference_url",
        "is no address",
    ),
    "an e-mail address": ({"decision_facts": "by ann@example.org"}, "decision_facts", "an e-mail"),
    "an account": ({"decision_facts": "the post of @ann_77"}, "decision_facts", "of an account"),
    "a telephone number": (
        {"incompatible_content_explanation": "says +44 20 7946 0958"},
        "incompatible_content_explanation",
        "a telephone number",
    ),
    "an address on the net": ({"decision_facts": "from 192.0.2.7"}, "decision_facts", "a computer"),
    "a bank account": (
        {"decision_facts": "to DE89 3704 0044 0532 0130 00"},
        "decision_facts",
        "a bank account",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_of_each_kind_is_refused_with_its_reason(sound, fault):
    change, attribute, why = FAULTS[fault]
    found = faults(sound | change)
    assert [each for each in found if each.attribute == attribute and why in each.why]


@pytest.mark.parametrize(
    "missing", ["category", "territorial_scope", "source_type", "content_type"]
)
def test_what_every_statement_needs_is_missed(sound, missing):
    sound.pop(missing)
    assert [each.attribute for each in faults(sound)] == [missing]


def test_a_legal_ground_may_name_its_paragraphs(sound):
    named = "Regulation (EU) 2022/2065, Article 3(h); Criminal Code, sections 185-187"
    assert faults(sound | {"incompatible_content_ground": named}) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_refused_or_taken_without_an_error(body):
    batch_faults({"statements": [body]})
    assert batch_faults(body)


def test_a_request_holds_a_hundred_statements_each_with_a_puid_of_its_own(sound):
    many = [sound | {"puid": f"p{n}"} for n in range(100)]
    assert batch_faults({"statements": many}) == []
    ((place, fault),) = batch_faults({"statements": [*many, sound]})
    assert place is None
    assert "more than 100" in fault.why
    ((place, fault),) = batch_faults({"statements": [*many[:3], many[1]]})
    assert (place, fault.attribute) == (3, "puid")


@pytest.mark.parametrize(
    ("by_machine", "by_person", "detection", "decision"),
    [
        (True, False, "Yes", "AUTOMATED_DECISION_FULLY"),
        (True, True, "Yes", "AUTOMATED_DECISION_PARTIALLY"),
        (False, True, "No", "AUTOMATED_DECISION_NOT_AUTOMATED"),
    ],
)
def test_a_statement_says_whether_a_person_was_involved(
    library, by_machine, by_person, detection, decision
):
    made = replace(DECISION, by_machine=by_machine, by_person=by_person)
    said = statement(made, library["spam"], USUAL, KEY)
    assert (said["automated_detection"], said["automated_decision"]) == (detection, decision)


def test_an_explanation_is_the_policys_words_and_never_a_name_that_a_judge_made_up(library):
    invented = replace(DECISION, rule_ids=("SPAM1", "Ann Smith, 7 Mill Lane"))
    said = json.dumps(statement(invented, library["spam"], USUAL, KEY))
    assert library["spam"].rules["SPAM1"] in said
    assert "Mill Lane" not in said


@pytest.mark.parametrize("language", ["tlh", "", None, "🏴", "ann@example.org", "e"])
def test_a_language_that_is_none_is_left_out(library, language):
    made = replace(DECISION, language=language)
    assert "content_language" not in statement(made, library["spam"], USUAL, KEY)


def test_an_identifier_is_the_same_tomorrow_and_needs_the_key(library, sound):
    again = statement(DECISION, library["spam"], USUAL, KEY)
    assert again["puid"] == sound["puid"]
    other = statement(DECISION, library["spam"], USUAL, KEY[::-1])
    assert other["puid"] != sound["puid"]


def test_what_cannot_be_stated_is_held_back_with_what_is_missing(library):
    made = [DECISION, replace(DECISION, decision_id="d2", policy_id="gone")]
    stated, held = state(made, library, Grounds(), KEY)
    assert stated == []
    assert reasons(held) == [
        ("spam", "the policy names no legal or contractual ground, action, territory", 1),
        ("gone", "the policy is not in the folder of --policies, or retired", 1),
    ]


def test_grounds_with_a_person_in_them_are_held_back(library):
    spam = library["spam"]
    named = replace(spam, grounds=replace(spam.grounds, explanation="Ask ann@example.org."))
    _, (held,) = state([DECISION], PolicySet((named,)), USUAL, KEY)
    assert held.why == "incompatible_content_explanation holds what looks like an e-mail address"


def test_an_export_is_files_of_a_hundred_and_says_what_is_held_back(library, tmp_path):
    made = [replace(DECISION, decision_id=f"d{n}") for n in range(205)]
    stated, held = state([*made, replace(DECISION, policy_id="gone")], library, USUAL, KEY)
    assert write_export(tmp_path / "out", stated, held) == 3
    files = sorted((tmp_path / "out").glob("*.json"))
    bodies = [json.loads(file.read_text("utf-8")) for file in files]
    assert [len(body["statements"]) for body in bodies] == [100, 100, 5]
    assert [fault for body in bodies for fault in batch_faults(body)] == []
    assert len((tmp_path / "out" / "puids.csv").read_text("utf-8").splitlines()) == 206
    assert len((tmp_path / "out" / "held-back.csv").read_text("utf-8").splitlines()) == 2
    with pytest.raises(OptionError, match="has an export already"):
        write_export(tmp_path / "out", stated, held)


def test_files_are_checked_without_a_word_of_what_they_hold(sound, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"statements": [sound]}), "utf-8")
    bad.write_text(json.dumps({"statements": [sound | {"puid": "ann smith"}]}), "utf-8")
    assert CliRunner().invoke(app, ["transparency", "check", str(good)]).exit_code == 0
    done = CliRunner().invoke(app, ["transparency", "check", str(good), str(bad)])
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{bad}: statement 0: puid holds more than letters")
    assert "ann" not in done.stdout.replace(str(bad), "")
