"""The screening step: every post screened once, every pair to judge sent once."""

from datetime import UTC, datetime
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, is_empty

from policies.policy import Policy, PolicySet
from transforms.counts import counts_of
from transforms.records import CONTENT, ESCALATION, SCREENING
from transforms.screen import Screen, ScreenContent, ScreenSettings, ScreenSource
from transforms.screen.features import BUCKETS, matrix
from transforms.screen.route import AUDIT, CLEAR, ESCALATE, FORCED
from transforms.screen.step import escalations, screenings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SETTINGS = ScreenSettings("run-1", "cluster-1", audit_rate=0.25)
POLICIES = PolicySet(
    tuple(Policy(i, i, "owner", "text", {"1": "violates"}, {}) for i in ("bad", "new", "worse"))
)


def content(*texts: str) -> pa.RecordBatch:
    rows = [
        {
            "content_id": f"post-{n}",
            "text": text,
            "created_at": NOON,
            "language": "en",
            "topic": "posts",
            "partition": 0,
            "offset": n,
            "timestamp": NOON,
            "key": None,
            "value": text.encode(),
            "headers": [{"key": "h", "value": b"1"}],
        }
        for n, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=CONTENT)


@pytest.fixture(scope="module")
def screen() -> Screen:
    """Escalate the word badword for `bad`, and worseword for `worse`."""
    weights = np.zeros((BUCKETS, 2), np.float32)
    weights[matrix(["badword"]).indices, 0] = 9
    weights[matrix(["worseword"]).indices, 1] = 9
    bias = np.full(2, -9.0)
    return Screen.of(("bad", "worse"), weights, np.ones(BUCKETS, np.float32), bias, np.full(2, 0.5))


def test_a_screening_holds_every_policy_with_its_score_and_route() -> None:
    batch = screenings(
        content("one", "two"),
        np.array([[0.9, np.nan, 0.1], [0.2, np.nan, 0.3]]),
        np.array([[ESCALATE, FORCED, CLEAR], [AUDIT, FORCED, AUDIT]], np.int8),
        screen_version="screen-1",
        policies=POLICIES,
        settings=SETTINGS,
        screened_at=NOON,
    )
    batch.validate(full=True)
    assert batch.schema == SCREENING
    assert batch["policies"].to_pylist() == [
        [
            {"policy_id": "bad", "score": 0.9, "route": "escalate"},
            {"policy_id": "new", "score": None, "route": "forced"},
            {"policy_id": "worse", "score": 0.1, "route": "clear"},
        ],
        [
            {"policy_id": "bad", "score": 0.2, "route": "audit"},
            {"policy_id": "new", "score": None, "route": "forced"},
            {"policy_id": "worse", "score": 0.3, "route": "audit"},
        ],
    ]


def test_escalations_carry_the_post_the_policy_and_how_likely_they_were() -> None:
    (batch,) = escalations(
        content("one", "two"),
        np.array([[0.9, np.nan, 0.1], [0.2, np.nan, 0.3]]),
        np.array([[ESCALATE, CLEAR, CLEAR], [CLEAR, FORCED, AUDIT]], np.int8),
        screen_version="screen-1",
        policies=POLICIES,
        settings=SETTINGS,
    )
    batch.validate(full=True)
    assert batch.schema == ESCALATION
    kept = ("content_id", "policy_id", "route", "score", "inclusion_probability")
    assert [tuple(row[name] for name in kept) for row in batch.to_pylist()] == [
        ("post-0", "bad", "escalate", 0.9, 1.0),
        ("post-1", "new", "forced", None, 1.0),
        ("post-1", "worse", "audit", 0.3, 0.25),
    ]
    assert batch["policy_version"].to_pylist() == [p.version for p in POLICIES.policies]
    assert batch["value"].to_pylist() == [b"one", b"two", b"two"]


def sizes_of(batch: pa.RecordBatch) -> list[int]:
    found = escalations(
        batch,
        np.full((batch.num_rows, 3), 0.9),
        np.full((batch.num_rows, 3), ESCALATE, np.int8),
        screen_version="screen-1",
        policies=POLICIES,
        settings=SETTINGS,
    )
    return [part.num_rows for part in found]


def test_escalations_come_in_batches_of_at_most_32() -> None:
    assert sizes_of(content(*["x"] * 30)) == [32, 32, 26]


def test_large_posts_come_in_smaller_batches() -> None:
    assert sizes_of(content(*["x" * 900_000] * 4)) == [2] * 6


def test_nothing_to_judge_yields_nothing() -> None:
    assert not list(
        escalations(
            content("one"),
            np.zeros((1, 3)),
            np.zeros((1, 3), np.int8),
            screen_version="screen-1",
            policies=POLICIES,
            settings=SETTINGS,
        )
    )


def test_the_step_screens_every_post_and_counts_what_it_sends(
    screen: Screen, tmp_path: Path
) -> None:
    screen.save(tmp_path, {})
    batches = [content("badword here", "nothing", "badword worseword"), content()]
    pipeline = beam.Pipeline()
    settings = ScreenSettings("run-1", "cluster-1", audit_rate=0)
    source = ScreenSource.of(tmp_path)
    screened = pipeline | beam.Create(batches) | ScreenContent(source, POLICIES, settings)

    def screenings_match(found: list[pa.RecordBatch]) -> None:
        rows = pa.Table.from_batches(found).to_pylist()
        assert [row["content_id"] for row in rows] == ["post-0", "post-1", "post-2"]
        assert len({row["decision_id"] for row in rows}) == 3

    def escalations_match(found: list[pa.RecordBatch]) -> None:
        pairs = {
            (row["content_id"], row["policy_id"], row["route"])
            for row in pa.Table.from_batches(found).to_pylist()
        }
        assert pairs == {
            ("post-0", "bad", "escalate"),
            ("post-2", "bad", "escalate"),
            ("post-2", "worse", "escalate"),
            *((f"post-{n}", "new", "forced") for n in range(3)),
        }

    assert_that(screened.screenings, screenings_match, label="screenings")
    assert_that(screened.escalations, escalations_match, label="escalations")
    result = pipeline.run()
    result.wait_until_finish()
    counts = counts_of(result)
    assert (counts.screenings, counts.escalations, counts.audits) == (3, 6, 0)
    assert counts.policies["bad"]["escalations"] == 2


def test_a_second_screen_only_says_what_it_would_have_done(screen: Screen, tmp_path: Path) -> None:
    one = Screen.of(
        ("worse",), screen.weights[:, 1:], screen.scale, np.full(1, -9.0), np.full(1, 0.5)
    )
    for name, each in (("first", screen), ("second", one)):
        each.save(tmp_path / name, {})
    first, second = ScreenSource.of(tmp_path / "first"), ScreenSource.of(tmp_path / "second")
    settings = ScreenSettings("run-1", "cluster-1", audit_rate=1)
    pipeline = beam.Pipeline()
    posts = pipeline | beam.Create([content("badword here", "worseword")])
    alone = posts | "alone" >> ScreenContent(first, POLICIES, settings)
    beside = posts | "beside" >> ScreenContent(first, POLICIES, settings, second)

    def would_have_done(found: list[pa.RecordBatch]) -> None:
        (batch,) = found
        assert batch.schema == SCREENING
        rows = batch.to_pylist()
        assert {row["screen_version"] for row in rows} == {second.version}
        routes = [[each["route"] for each in row["policies"]] for row in rows]
        # Nothing is drawn for an audit: that is the first screen's.
        assert routes == [["forced", "forced", "clear"], ["forced", "forced", "escalate"]]

    def routes_of(found: list[pa.RecordBatch]) -> list[tuple[str, ...]]:
        rows = pa.Table.from_batches(found).to_pylist()
        return [(row["content_id"], row["policy_id"], row["route"]) for row in rows]

    def same(found: list[list[tuple[str, ...]]]) -> None:
        assert len(found) == 2
        assert found[0] == found[1]

    escalated = [
        screened.escalations | label >> beam.Map(lambda batch: routes_of([batch]))
        for label, screened in (("of one", alone), ("of both", beside))
    ]
    assert_that(beside.shadow, would_have_done, label="shadow")
    assert_that(alone.shadow, is_empty(), label="without one")
    assert_that(escalated | beam.Flatten(), same, label="escalations")
    result = pipeline.run()
    result.wait_until_finish()
    assert counts_of(result).screenings == 4
