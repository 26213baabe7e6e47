"""Dead letters: what could not be processed, whole, with the reason and how often it was tried."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from transforms.identity import decision_ids
from transforms.records import DEAD_LETTER, Stage

ATTEMPTS_HEADER = "weir-attempts"
_COUNT = re.compile(rb"[1-9][0-9]{0,5}")  # anyone may write a header: no sign, no million


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
        "attempts": pa.array([attempts(h) for h in batch["headers"].to_pylist()], pa.int64()),
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


def attempts(headers: Sequence[dict[str, str | bytes | None]] | None) -> int:
    """Return how often the message was processed, this time included: 1 unless redriven."""
    for header in headers or ():
        value = header["value"]
        if (
            header["key"] == ATTEMPTS_HEADER
            and isinstance(value, bytes)
            and _COUNT.fullmatch(value)
        ):
            return int(value)
    return 1
