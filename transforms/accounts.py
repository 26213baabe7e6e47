"""What a step or a sink says of its rows, once an event: to counts, ledger of offsets and backlog.

A message owes one row from the moment it is read, so a step accounts for whatever else it makes of
a message before it gives that row away: else the message would look decided in between.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from weir.transforms.counts import (
    count_dead_letters,
    count_left_out,
    counter,
    policy_counter,
)
from weir.transforms.process.backlog import WAITING
from weir.transforms.process.offset_ledger import PROGRESS, positions
from weir.transforms.records import DELETED, Route


def account_for_messages(
    topic: str, partition: int, messages: pa.RecordBatch | None, end: int
) -> None:
    """Count MESSAGE rows, which owe a row each; all of the partition up to ``end`` is read."""
    PROGRESS.read(topic, partition, messages, end)
    if messages is not None:
        counter("messages").inc(messages.num_rows)


def account_for_left_out(rows: pa.RecordBatch, kind: str | None = None) -> None:
    """Count rows that nothing is decided about: their messages owe a row less."""
    count_left_out(rows.num_rows, kind)
    PROGRESS.release(positions(rows))


def account_for_escalations(escalations: pa.RecordBatch) -> None:
    """Count ESCALATION rows, each of which owes a row and waits until it is decided."""
    _count_escalations(escalations)
    PROGRESS.hold(escalations)
    WAITING.add(escalations)


def account_for_carried(messages: pa.RecordBatch, escalations: pa.RecordBatch) -> None:
    """Count ESCALATION rows that another job sent, one a message: it owes what the row owes."""
    if not escalations.num_rows:
        return
    _count_escalations(escalations)
    counter("escalations_read").inc(escalations.num_rows)
    PROGRESS.carry(messages, escalations)
    WAITING.add(escalations)


def account_for_deferrals(deferrals: pa.RecordBatch) -> None:
    """Count DEFERRED rows, each of which owes a message beside its row; they wait no longer."""
    counter("deferred").inc(deferrals.num_rows)
    _count_by_policy(deferrals, "deferred")
    PROGRESS.hold(deferrals)
    WAITING.less(deferrals)


def account_for_dead_letters(letters: pa.RecordBatch, *, in_place_of_rows: bool = True) -> None:
    """Count DEAD_LETTER rows of one stage, and owe for each a row and a message to its topic.

    ``in_place_of_rows`` says that they pay what was owed as another row (a screening, a verdict);
    a letter of a row that a sink was given is owed beside that row, which the sink pays itself.
    """
    count_dead_letters(letters)
    PROGRESS.hold(letters, 1 if in_place_of_rows else 2)


def account_for_changes(changes: pa.RecordBatch) -> None:
    """Count CHANGE rows: one of an edit is owed beside what is decided about the post.

    One of a deletion is what its message owes.
    """
    edits = changes.filter(pc.not_equal(changes["change"], DELETED))
    count_left_out(changes.num_rows - edits.num_rows, DELETED)
    PROGRESS.hold(edits)


def account_for_further_rows(rows: pa.RecordBatch) -> None:
    """Owe each of the rows beside what its message owes already; nothing counts them here."""
    PROGRESS.hold(rows)


def account_for_arrivals(
    rows: Iterable[pa.RecordBatch], counted: Mapping[str, int] | None = None
) -> None:
    """Pay what is owed for rows that BigQuery or Kafka has acknowledged.

    ``counted`` is how much that adds to which fields of Counts.
    """
    for each in rows:
        PROGRESS.release(each)
    for name, count in (counted or {}).items():
        counter(name).inc(count)


def _count_escalations(escalations: pa.RecordBatch) -> None:
    counter("escalations").inc(escalations.num_rows)
    audits = pc.sum(pc.equal(escalations["route"], pa.scalar(str(Route.AUDIT)))).as_py()
    counter("audits").inc(audits)
    _count_by_policy(escalations, "escalations")


def _count_by_policy(rows: pa.RecordBatch, name: str) -> None:
    for policy_id, count in Counter(rows["policy_id"].to_pylist()).items():
        policy_counter(policy_id, name).inc(count)
