"""Dead letters: what could not be processed, whole, with the reason and how often it was tried."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from weir.transforms.identity import decision_ids
from weir.transforms.records import DEAD_LETTER, Stage

ATTEMPTS_HEADER = "weir-attempts"
REDRIVEN_FROM = "weir-redriven-from"
MOST_ATTEMPTS = 100  # that redrive makes, so a larger count is not its own
_COUNT = re.compile(rb"[1-9][0-9]{0,2}")
_PLACE = re.compile(rb"(.*)/([0-9]{1,10})/([0-9]{1,19})", re.DOTALL)  # topic, partition, offset


def dead_letters(
    batch: pa.RecordBatch,
    *,
    stage: Stage,
    reasons: Sequence[str],
    errors: Sequence[str],
    run: str,
    cluster: str,
    version: str = "",
) -> pa.RecordBatch:
    """Return a DEAD_LETTER batch with one row for each row of ``batch``.

    ``batch`` has the position and envelope of the messages that failed, all of one
    topic-partition, and the ``timestamp``, ``content_id`` and ``policy_id`` where they are known.
    ``reasons`` are short codes, ``errors`` sentences without post text.
    """
    rows = batch.num_rows
    columns = {
        "decision_id": decision_ids(batch, cluster=cluster, stage=stage, version=version, run=run),
        "run": pa.repeat(run, rows),
        "stage": pa.repeat(str(stage), rows),
        "reason": pa.array(reasons, pa.string()),
        "error": pa.array(errors, pa.string()),
        "attempts": pa.array(_attempts(batch), pa.int64()),
        "died_at": pa.repeat(pa.scalar(datetime.now(UTC), DEAD_LETTER.field("died_at").type), rows),
    }
    known = dict(zip(batch.schema.names, batch.columns, strict=True)) | columns
    return pa.RecordBatch.from_arrays(
        [
            known[field.name] if field.name in known else pa.nulls(rows, field.type)
            for field in DEAD_LETTER
        ],
        schema=DEAD_LETTER,
    )


def _attempts(batch: pa.RecordBatch) -> list[int]:
    rows = batch.select(["topic", "partition", "offset", "headers"]).to_pylist()
    return [attempts(row["headers"], row["topic"], row["partition"], row["offset"]) for row in rows]


def attempts(
    headers: Sequence[dict[str, str | bytes | None]] | None, topic: str, partition: int, offset: int
) -> int:
    """Return how often the message at a position was processed, this time included.

    Whoever writes a post writes its headers, so a count is believed only as redrive leaves it:
    within MOST_ATTEMPTS, beside an earlier position of the same partition. Else it is 1.
    """
    named = {header["key"]: header["value"] for header in headers or ()}
    place = named.get(REDRIVEN_FROM)
    found = _PLACE.fullmatch(place) if isinstance(place, bytes) else None
    if found is None or (found[1], int(found[2])) != (topic.encode(), partition):
        return 1
    return count_of(named.get(ATTEMPTS_HEADER)) if int(found[3]) < offset else 1


def count_of(header: str | bytes | None) -> int:
    """Return the attempts that a header names; 1 where it names none that redrive would."""
    if not isinstance(header, bytes) or not _COUNT.fullmatch(header):
        return 1
    return count if (count := int(header)) <= MOST_ATTEMPTS else 1
