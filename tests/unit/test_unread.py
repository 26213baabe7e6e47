"""A job that could read nothing says why, and does not pass for one that went well."""

import json
from types import SimpleNamespace

import pytest

from weir.pipelines.job.unread import explain_end
from weir.pipelines.text_fields import text_fields
from weir.transforms.counts import Counts
from weir.transforms.read import Stop


def counts(messages=201, left_out=0, **stages):
    dead = {f"dead_letters_{stage}": sum(reasons.values()) for stage, reasons in stages.items()}
    screened = messages - left_out - sum(dead.values())
    return Counts(messages=messages, left_out=left_out, screenings=screened, reasons=stages, **dead)


def values(*posts):
    return [json.dumps(each).encode() for each in posts]


def settings(stop):
    return SimpleNamespace(topics=("posts",), stop=Stop(stop))


def test_what_lies_behind_an_open_transaction_is_said_with_its_number():
    (said,) = explain_end(settings("latest"), Counts(messages=3, behind_transactions=1200))
    assert "1,200 messages" in said
    assert explain_end(settings("latest"), Counts(messages=3)) == []


def test_a_job_that_found_nothing_to_read_says_so():
    (said,) = explain_end(settings("latest"), Counts())
    assert "posts" in said
    assert explain_end(settings("never"), Counts()) == []


@pytest.mark.parametrize("unreadable", [190, 201])
def test_where_nearly_nothing_was_read_the_command_fails_though_all_is_accounted_for(unreadable):
    found = counts(decode={"missing_text": unreadable})
    assert found.imbalances() == []
    assert found.failed


def test_some_unreadable_messages_among_others_are_no_failure_of_the_command():
    assert not counts(decode={"missing_text": 20}).failed
    assert not counts(messages=0).failed


def test_what_a_replay_leaves_out_does_not_hide_that_the_rest_could_not_be_read():
    assert counts(messages=1000, left_out=990, decode={"missing_text": 10}).failed


def test_the_summary_names_the_reasons_of_the_dead_letters_the_most_frequent_first():
    said = str(counts(decode={"invalid_json": 3, "missing_text": 198})).splitlines()
    reasons = [line.split() for line in said if line.startswith("dead, ")]
    assert reasons == [
        ["dead,", "decode:", "missing_text:", "198"],
        ["dead,", "decode:", "invalid_json:", "3"],
    ]


def test_the_fields_that_hold_text_are_named_by_their_paths_the_longest_texts_first():
    post = {"id": "p1", "n": 3, "body": {"html": "<p>what a post says</p>"}, "title": "a title"}
    assert text_fields(values(post, post)) == ["body.html", "title", "id"]


def test_a_key_that_only_few_messages_have_or_that_a_person_may_have_written_is_not_named():
    odd = {"text_": "a", "call me on 555 0100": "b", "rare": "c"}
    assert text_fields(values(odd, {"text_": "a"}, {"text_": "a"})) == ["text_"]


def test_what_is_no_json_object_has_no_fields():
    assert text_fields([b"not json", b"[1]", b'"a"', b"\xff", b"[" * 5000]) == []
