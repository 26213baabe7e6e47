"""Posts that are edited and deleted while a real job reads them, out of order and twice."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.test_moderate import Job

CHEAT = "selling aimbot and wallhack for ranked, undetected, dm me"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def job(kafka, bigquery):
    return Job(kafka, bigquery)


def event(minute, operation, key, text=None, collection="app.bsky.feed.post"):
    at = NOON + timedelta(minutes=minute)
    commit = {"operation": operation, "collection": collection, "rkey": key}
    if text is not None:
        commit["record"] = {"text": text, "createdAt": NOON.isoformat(), "langs": ["en"]}
    time_us = int(at.timestamp() * 1_000_000)
    envelope = {"did": "did:plc:a", "kind": "commit", "time_us": time_us, "commit": commit}
    return json.dumps(envelope).encode()


EVENTS = [
    event(1, "create", "stands", CHEAT),
    event(2, "create", "edited", CHEAT),
    event(3, "create", "deleted", CHEAT),
    event(9, "delete", "late"),  # before the post itself
    event(4, "create", "late", CHEAT),
    event(5, "update", "edited", "what a lovely day for gardening"),
    event(6, "delete", "deleted"),
    event(7, "create", "like", collection="app.bsky.feed.like"),
    event(8, "delete", "unknown"),
    b'{"kind": "commit"',
]


def labels(job):
    rows = job.rows(
        "SELECT content_id, `partition`, `offset`, label, decided_label FROM `{dataset}.labels` "
        "WHERE run = @run AND policy_id = 'game-cheating' ORDER BY 1, 2, 3"
    )
    found: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        key = row["content_id"].rsplit("/", 1)[1]
        found.setdefault(key, set()).add((row["label"], row["decided_label"]))
    return found


def test_edits_and_deletions_end_in_the_label_that_their_author_would_expect(job):
    job.send(EVENTS)
    counts = job.run("--envelope=jetstream")
    assert counts.imbalances() == []
    assert (counts.messages, counts.screenings, counts.dead_letters) == (10, 5, 1)
    assert counts.left_out == 4
    assert counts.left_out_kinds == {"deleted": 3, "app.bsky.feed.like": 1}
    once = labels(job)
    assert once["stands"] == {("violates", "violates")}
    assert once["deleted"] == once["late"] == {("withdrawn", "violates")}
    assert ("superseded", "violates") in once["edited"]
    ((label, decided),) = once["edited"] - {("superseded", "violates")}
    assert label == decided != "violates"
    assert set(once) == {"stands", "edited", "deleted", "late"}
    again = job.run("--envelope=jetstream")
    assert again.imbalances() == []
    assert labels(job) == once
    (stored,) = job.rows(
        "SELECT COUNT(DISTINCT decision_id) AS n FROM `{dataset}.post_changes` WHERE run = @run"
    )
    assert stored["n"] == 4


def test_what_is_no_post_is_counted_and_tombstones_withdraw_by_their_key(job):
    post = {"id": "k0", "text": CHEAT, "created_at": NOON.isoformat()}
    like = {"kind": "like", "id": "x"}
    # The key of the eighth message is that of the first.
    job.send([json.dumps(each).encode() for each in (post, *[like] * 6)] + [None])
    counts = job.run("--skip=kind=like", "--skip=kind=follow", "--tombstones=delete")
    assert counts.imbalances() == []
    assert counts.left_out_kinds == {"deleted": 1, "kind=like": 6}
    assert counts.dead_letters == 0
    (row,) = job.rows(
        "SELECT label, decided_label FROM `{dataset}.labels` "
        "WHERE run = @run AND policy_id = 'game-cheating'"
    )
    assert row == {"label": "withdrawn", "decided_label": "violates"}
    (kept,) = job.rows(
        "SELECT left_out, unaccounted FROM `{dataset}.conservation` WHERE run = @run"
    )
    assert kept == {"left_out": 7, "unaccounted": 0}
