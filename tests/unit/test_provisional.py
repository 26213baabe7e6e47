"""Flags before the verdict: which posts get one, and what follows under the same id."""

import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apache_beam as beam
import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to, is_empty

from tests.provisional import flagging
from tests.unit.judging.cases import escalations as to_judge
from tests.unit.judging.cases import judge
from tests.unit.test_flagged import body, violation
from tests.unit.test_screen_step import POLICIES, SETTINGS, content
from weir.pipelines.errors import OptionError
from weir.pipelines.job.graph import on_lanes
from weir.pipelines.runners import IN_PROCESS, job_options
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.settings.place import Place
from weir.pipelines.settings.provisional import require_enforcing, require_flags
from weir.policies.loading import LIBRARY
from weir.policies.policy import PolicySet, Status
from weir.transforms.bundle_lanes import Lanes
from weir.transforms.decode import DecodeSettings
from weir.transforms.records import ESCALATION, PROVISIONAL, Mode
from weir.transforms.screen import Screen, ScreenContent, ScreenSource
from weir.transforms.screen.provisional import (
    ProvisionalSettings,
    provisional_flags,
    provisional_ids,
    thresholds,
)
from weir.transforms.screen.route import AUDIT, CLEAR, ESCALATE, FORCED
from weir.transforms.screen.rows import escalations
from weir.transforms.text.features import BUCKETS
from weir.transforms.write.flagged import (
    SCHEMA,
    flagged_records,
    kinds_of,
    provisional_records,
    trim,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCORES = np.array([[0.95, np.nan, 0.7], [0.92, np.nan, 0.99]])
CODES = np.array([[ESCALATE, FORCED, ESCALATE], [AUDIT, CLEAR, ESCALATE]], np.int8)
LOWEST = np.array([0.9, np.inf, 0.9])


@pytest.fixture(scope="module")
def screen() -> Screen:
    """Score every post 1 for `bad` and 0 for `worse`; flag from .9 on."""
    weights, scale = np.zeros((BUCKETS, 2), np.float32), np.ones(BUCKETS, np.float32)
    made = Screen.of(("bad", "worse"), weights, scale, np.array([30.0, -30.0]), np.full(2, 0.5))
    return flagging(made, 0.9)


@pytest.fixture(scope="module")
def source(screen, tmp_path_factory) -> ScreenSource:
    folder = tmp_path_factory.mktemp("screen")
    screen.save(folder, {})
    return ScreenSource.of(folder)


def ids_of(*texts):
    return provisional_ids(content(*texts), SCORES, CODES, LOWEST, POLICIES, SETTINGS)


def flags_of(*texts):
    return provisional_flags(
        content(*texts),
        SCORES,
        ids_of(*texts),
        screen_version="screen-1",
        policies=POLICIES,
        settings=SETTINGS,
        decode=DecodeSettings(),
        flagged_at=NOON,
    )


def test_what_is_escalated_and_reaches_its_threshold_is_flagged_and_nothing_else():
    flags = flags_of("one", '{"text": "two", "likes": 3}')
    flags.validate(full=True)
    assert flags.schema == PROVISIONAL
    rows = flags.to_pylist()
    assert [(row["content_id"], row["policy_id"], row["score"]) for row in rows] == [
        ("post-0", "bad", 0.95),
        ("post-1", "worse", 0.99),
    ]
    assert rows[1]["attributes"] == '{"likes":3}'


def test_an_escalation_says_under_which_id_its_flag_went_out():
    (batch,) = escalations(
        content("one", "two"),
        SCORES,
        CODES,
        screen_version="screen-1",
        policies=POLICIES,
        settings=SETTINGS,
        provisional=ids_of("one", "two"),
    )
    assert batch.schema == ESCALATION
    ids = {(r["content_id"], r["policy_id"]): r["provisional_id"] for r in batch.to_pylist()}
    flags = flags_of("one", "two").to_pylist()
    assert {key: found for key, found in ids.items() if found is not None} == {
        (flag["content_id"], flag["policy_id"]): flag["decision_id"] for flag in flags
    }
    assert len(ids) == 5


def test_a_policy_in_shadow_and_a_run_that_enforces_nothing_flag_nothing(screen):
    bad, new, worse = POLICIES.policies
    hidden = PolicySet((replace(bad, status=Status.SHADOW), new, worse))
    assert thresholds(screen, POLICIES, Mode.ENFORCE).tolist() == [0.9, np.inf, 0.9]
    assert thresholds(screen, hidden, Mode.ENFORCE).tolist() == [np.inf, np.inf, 0.9]
    assert np.isinf(thresholds(screen, POLICIES, Mode.REPLAY)).all()


@pytest.mark.parametrize("on", [True, False])
def test_the_step_flags_only_where_it_is_told_to(source, on):
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    settings = ProvisionalSettings(DecodeSettings()) if on else None
    unsampled = replace(SETTINGS, audit_rate=0)
    step = ScreenContent(source, POLICIES, unsampled, provisional=settings)
    screened = pipeline | beam.Create([content("one", "two"), content()]) | step

    def flagged(batches):
        (batch,) = batches
        assert batch["policy_id"].to_pylist() == ["bad", "bad"]

    carried = screened.escalations | beam.FlatMap(
        lambda batch: [(row["policy_id"], bool(row["provisional_id"])) for row in batch.to_pylist()]
    )
    assert_that(screened.provisional, flagged if on else is_empty(), label="flags")
    expected = [("bad", on)] * 2 + [("new", False)] * 2
    assert_that(carried, equal_to(expected), label="escalations")
    pipeline.run().wait_until_finish()


def test_without_an_edit_a_verdict_would_have_the_same_id_anyway():
    unedited = replace(to_judge_policy(), policy_id="bad")
    policies = PolicySet((unedited,))
    ids = provisional_ids(
        content("safe"), np.ones((1, 1)), np.full((1, 1), ESCALATE, np.int8), np.zeros(1),
        policies, SETTINGS,
    )  # fmt: skip
    row = {"topic": "posts", "run": "run-1", "cluster": "cluster-1"}
    done = judge(to_judge("safe", policy_ids=["bad"], **row), policies=policies.policies)
    assert done.verdicts["decision_id"].to_pylist() == ids[0].tolist()


def to_judge_policy():
    return replace(POLICIES.policies[0], policy_id="spam", rules={"R1": "adverts"})


@pytest.mark.parametrize("text", ["violates", "safe", "prose"])
def test_every_verdict_on_a_flag_reaches_the_topic_under_the_flags_id(text):
    done = judge(to_judge(text, provisional_id="flag-1"))
    assert done.verdicts["decision_id"].to_pylist() == ["flag-1"]
    assert done.violations["decision_id"].to_pylist() == ["flag-1"]


def test_without_a_flag_only_violations_reach_the_topic():
    done = judge(to_judge("violates", "safe", "prose"))
    assert done.violations["verdict"].to_pylist() == ["violates"]


def test_an_escalation_of_a_build_that_knew_no_flags_is_judged():
    old = to_judge("safe", "violates").drop_columns(["provisional_id"])
    assert judge(old).violations.num_rows == 1


def verdict(**changes):
    return violation(**{"provisional_id": "d-1"} | changes)


def event(rows):
    (record,) = flagged_records(rows, "flagged", "/weir/live")
    jsonschema.Draft202012Validator(SCHEMA).validate(body(record))
    headers = dict(record.headers)
    return headers["ce_type"].decode(), body(record)


def test_a_flag_is_an_event_without_a_verdict_from_another_source():
    first, _ = provisional_records(flags_of("one", "two"), "flagged", "/weir/live")
    headers = dict(first.headers)
    assert headers["ce_type"] == b"org.weir.provisional.v1"
    assert headers["ce_source"] == b"/weir/live/screen"
    assert headers["ce_time"] == b"2026-01-01T12:00:00+00:00"
    assert headers["h"] == b"1"
    assert headers["ce_id"].decode() == body(first)["decision_id"] == ids_of("one", "two")[0, 0]
    jsonschema.Draft202012Validator(SCHEMA).validate(body(first))
    assert (body(first)["provisional"], body(first)["verdict"]) == (True, None)
    assert list(body(first)) == list(SCHEMA["properties"])


def test_a_violation_confirms_the_flag():
    kind, shown = event(verdict())
    assert kind == "org.weir.violation.v1"
    assert (shown["provisional"], shown["verdict"], shown["decision_id"]) == (
        False,
        "violates",
        "d-1",
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "safe"}, ("safe", None)),
        ({"verdict": "indeterminate", "reason": "no_final"}, ("indeterminate", "no_final")),
        ({"mode": "shadow"}, ("violates", "not_enforced")),
    ],
)
def test_anything_else_withdraws_it_and_says_why(changes, said):
    kind, shown = event(verdict(**changes))
    assert kind == "org.weir.withdrawal.v1"
    assert (shown["verdict"], shown["reason"]) == said


def test_confirmations_and_withdrawals_are_counted_apart():
    rows = [verdict(), verdict(verdict="safe"), violation(), verdict(mode="shadow")]
    batch = pa.Table.from_batches(rows).combine_chunks().to_batches()[0]
    assert kinds_of(batch) == {"flagged_messages": 2, "confirmations": 1, "withdrawals": 2}


def test_a_flag_that_does_not_fit_is_trimmed_to_a_small_event_with_its_identity():
    long = flags_of("x" * 5000, "y" * 5000)
    record, _ = provisional_records(long, "flagged", "/weir/live")
    own, steps = record.headers[:7], 0
    while (smaller := trim(record)) is not None:
        assert smaller.size < record.size
        record, steps = smaller, steps + 1
        assert steps < 50
    jsonschema.Draft202012Validator(SCHEMA).validate(body(record))
    assert record.headers[:7] == own
    assert (body(record)["truncated"], body(record)["provisional"]) == (True, True)


def test_lanes_give_on_what_they_are_given():
    pipeline = beam.Pipeline("FnApiRunner", options=PipelineOptions([]))
    batches = [content(f"post {number}") for number in range(9)]
    texts = (
        pipeline
        | beam.Create(batches)
        | Lanes(2)
        | beam.Map(lambda batch: batch["text"][0].as_py())
    )
    assert_that(texts, equal_to([f"post {number}" for number in range(9)]))
    pipeline.run().wait_until_finish()


def test_flags_of_a_certified_head_that_screens_may_be_sent(source):
    require_enforcing(True, "enforce")
    require_flags(source, POLICIES, Mode.ENFORCE)


@pytest.mark.parametrize(
    ("screens", "mode", "said"),
    [
        (False, "enforce", "the job that screens"),
        (True, "shadow", "flags nothing with --mode=shadow"),
    ],
)
def test_flags_that_nobody_would_send_are_refused(screens, mode, said):
    with pytest.raises(OptionError, match=said):
        require_enforcing(screens, mode)


def test_a_screen_without_a_certified_precision_is_refused_with_a_way_out(screen, tmp_path):
    screen.with_thresholds(screen.thresholds).save(tmp_path, {})
    plain = ScreenSource.of(tmp_path)
    with pytest.raises(OptionError, match="weir screen train --precision"):
        require_flags(plain, POLICIES, Mode.ENFORCE)


def settings_of(folder, *given):
    return ModerationSettings.from_options(
        job_options(
            [
                "--brokers=kafka.example:9092",
                "--topics=posts",
                "--bigquery-project=p",
                f"--policies={folder / 'policies'}",
                f"--screen={folder}",
                *given,
            ]
        )
    )


@pytest.fixture
def library(screen, tmp_path):
    """A folder with the screen and a policy that it has a head for."""
    shutil.copytree(Path(LIBRARY) / "spam", tmp_path / "policies" / "spam")
    weights, scale = np.zeros((BUCKETS, 1), np.float32), np.ones(BUCKETS, np.float32)
    plain = Screen.of(("spam",), weights, scale, np.zeros(1), np.full(1, 0.5))
    flagging(plain, 0.9).save(tmp_path, {})
    return tmp_path


def test_a_job_that_only_screens_writes_its_flags_to_the_flagged_topic(library):
    topics = settings_of(library, "--stages=screen").topics_written
    assert "weir-flagged" not in topics
    topics = settings_of(library, "--stages=screen", "--provisional").topics_written
    assert "weir-flagged" in topics


def test_only_on_prism_what_waits_is_kept_from_taking_every_place(library):
    prism = ["--runner=prism", f"--prism-location={sys.executable}"]
    settings = settings_of(library, *prism)
    assert on_lanes(settings)
    assert not on_lanes(replace(settings, place=Place(one_process=False, break_fusion=True)))
    assert not on_lanes(replace(settings, place=Place(one_process=True, break_fusion=False)))
