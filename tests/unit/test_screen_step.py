"""The screening step: every post screened once, every pair to judge sent once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, is_empty

from tests.fakes import Shelf
from weir.pipelines.runners import IN_PROCESS
from weir.policies.policy import Policy, PolicySet
from weir.transforms.counts import counts_of
from weir.transforms.process.reloading import RELOADS, Reloaded, Reloading
from weir.transforms.records import CONTENT, ESCALATION, SCREENING
from weir.transforms.screen import (
    Screen,
    ScreenContent,
    ScreenError,
    ScreenSettings,
    ScreenSource,
)
from weir.transforms.screen.loaded import LoadedScreen, ReloadedScreen
from weir.transforms.screen.route import AUDIT, CLEAR, ESCALATE, FORCED
from weir.transforms.screen.rows import escalations, screenings
from weir.transforms.text.features import BUCKETS, matrix

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
        stages=np.array([1, 2], np.int8),
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


def sizes_of(batch: pa.RecordBatch, settings: ScreenSettings = SETTINGS) -> list[int]:
    found = escalations(
        batch,
        np.full((batch.num_rows, 3), 0.9),
        np.full((batch.num_rows, 3), ESCALATE, np.int8),
        screen_version="screen-1",
        policies=POLICIES,
        settings=settings,
    )
    return [part.num_rows for part in found]


def test_escalations_come_in_batches_of_at_most_32() -> None:
    assert sizes_of(content(*["x"] * 30)) == [32, 32, 26]


def test_asked_together_a_posts_policies_stay_in_one_batch() -> None:
    together = replace(SETTINGS, together=True)
    assert sizes_of(content(*["x"] * 30), together) == [33, 33, 24]
    (batch,) = escalations(
        content("one", "two"),
        np.full((2, 3), 0.9),
        np.array([[ESCALATE, CLEAR, FORCED], [ESCALATE, AUDIT, CLEAR]], np.int8),
        screen_version="screen-1",
        policies=POLICIES,
        settings=together,
    )
    rows = [(row["content_id"], row["policy_id"], row["route"]) for row in batch.to_pylist()]
    assert rows == [
        ("post-0", "bad", "escalate"),
        ("post-0", "worse", "forced"),
        ("post-1", "bad", "escalate"),
        ("post-1", "new", "audit"),
    ]


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
    pipeline = beam.Pipeline(runner=IN_PROCESS)
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
    pipeline = beam.Pipeline(runner=IN_PROCESS)
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


NOTHING = ("", "   ", "\u200b\u2060", "\n\t")


def test_what_has_nothing_to_read_is_cleared_with_a_reason_and_never_judged(
    screen: Screen, tmp_path: Path
) -> None:
    screen.save(tmp_path, {})
    screen.with_thresholds(screen.thresholds / 2).save(tmp_path / "second", {})
    settings = ScreenSettings("run-1", "cluster-1", audit_rate=1)
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    posts = pipeline | beam.Create([content(*NOTHING, "a")])
    source, second = ScreenSource.of(tmp_path), ScreenSource.of(tmp_path / "second")
    screened = posts | ScreenContent(source, POLICIES, settings, second)

    def routes_of(found: list[pa.RecordBatch]) -> None:
        rows = pa.Table.from_batches(found).to_pylist()
        routes = [{each["route"] for each in row["policies"]} for row in rows]
        assert routes[:-1] == [{"empty"}] * len(NOTHING)
        assert "empty" not in routes[-1]

    def only_the_last(found: list[pa.RecordBatch]) -> None:
        assert {row["content_id"] for each in found for row in each.to_pylist()} == {"post-4"}

    assert_that(screened.screenings, routes_of, label="screenings")
    assert_that(screened.shadow, routes_of, label="shadow")
    assert_that(screened.escalations, only_the_last, label="escalations")
    result = pipeline.run()
    result.wait_until_finish()
    counts = counts_of(result)
    assert (counts.nothing_to_read, counts.untouched) == (len(NOTHING), len(NOTHING))


def outputs_of(step: beam.DoFn, batch: pa.RecordBatch) -> tuple[list[dict], set[tuple[str, str]]]:
    """Return a batch's screenings, and the policies and versions of its escalations."""
    *escalated, screenings = step.process(batch)
    sent = {
        (row["policy_id"], row["policy_version"])
        for each in escalated
        for row in each.value.to_pylist()
    }
    return screenings.to_pylist(), sent


class Edited:
    """The step in one process, its policies and its screen on shelves."""

    def __init__(self, screen: ScreenSource, policies: PolicySet) -> None:
        self.policies, self.screen = Shelf(policies), Shelf(LoadedScreen(screen, screen.screen()))
        screens, decided = Reloading(self.screen, 3600.0), Reloading(self.policies, 3600.0)
        settings = ScreenSettings("run-1", "cluster-1", audit_rate=0)
        self.step = ScreenContent(screens, decided, settings)._dofn
        self.step.setup()
        self._sources: list[Reloading] = [screens, decided]

    def look(self) -> None:
        for each in self._sources:
            RELOADS.acquire(each).look()
            RELOADS.release(each)


@pytest.fixture
def edited(screen: Screen, tmp_path: Path) -> Iterator[Edited]:
    screen.save(tmp_path, {})
    running = Edited(ScreenSource.of(tmp_path), POLICIES)
    yield running
    running.step.teardown()


def test_an_edit_is_in_force_from_the_next_batch_on(edited: Edited) -> None:
    bad, new, _ = POLICIES.policies
    later = PolicySet((replace(bad, text="other"), new, replace(bad, policy_id="added")))
    before, sent_before = outputs_of(edited.step, content("badword here"))
    edited.policies.put(later)
    edited.look()
    after, sent = outputs_of(edited.step, content("badword here", "nothing"))
    assert sent_before == {("bad", bad.version), ("new", new.version)}
    # What is added has no head until the job starts again, so all of its posts are judged.
    assert sent == {(policy.policy_id, policy.version) for policy in later.policies}
    assert [row["policy_set"] for row in (*before, *after)] == [
        POLICIES.version,
        later.version,
        later.version,
    ]
    assert [each["route"] for each in after[1]["policies"]] == ["clear", "forced", "forced"]
    assert before[0]["decision_id"] != after[0]["decision_id"]


def test_without_an_edit_the_ids_are_those_of_a_step_that_reads_nothing_again(
    edited: Edited,
) -> None:
    source = edited.screen.began.source
    fixed = ScreenContent(source, POLICIES, edited.step.settings)._dofn
    fixed.setup()
    edited.look()
    (one, _), (other, _) = (outputs_of(each, content("a", "b")) for each in (fixed, edited.step))
    assert [row["decision_id"] for row in one] == [row["decision_id"] for row in other]
    fixed.teardown()


def test_another_screen_is_in_force_from_the_next_batch_on(
    edited: Edited, screen: Screen, tmp_path: Path
) -> None:
    laxer = screen.with_thresholds(np.full(2, 1.0))
    laxer.save(tmp_path, {})
    edited.screen.put(ReloadedScreen(edited.screen.began.source).read())
    edited.look()
    (row,), sent = outputs_of(edited.step, content("badword"))
    assert row["screen_version"] == laxer.version
    assert {policy_id for policy_id, _ in sent} == {"new"}


def test_a_broken_screen_is_refused(screen: Screen, tmp_path: Path) -> None:
    screen.save(tmp_path, {})
    reloaded = Reloaded(Reloading(ReloadedScreen(ScreenSource.of(tmp_path)), 0.05))
    (tmp_path / "screen.npz").write_bytes(screen.file[:-10])
    reloaded.look()
    assert (reloaded.now.value.screen.version, reloaded.now.failures) == (screen.version, 1)
    laxer = screen.with_thresholds(np.full(2, 1.0))
    laxer.save(tmp_path, {})
    reloaded.look()
    assert (reloaded.now.value.screen.version, reloaded.now.failures) == (laxer.version, 0)


def test_a_worker_that_starts_after_an_edit_begins_with_what_is_there(
    screen: Screen, tmp_path: Path
) -> None:
    screen.save(tmp_path, {})
    launched = ScreenSource.of(tmp_path)
    laxer = screen.with_thresholds(np.full(2, 1.0))
    laxer.save(tmp_path, {})
    assert ReloadedScreen(launched).first().screen.version == laxer.version
    with pytest.raises(ScreenError, match="this run began with"):
        ReloadedScreen(launched, fixed=True).first()
