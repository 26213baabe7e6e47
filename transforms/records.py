"""The records that flow through Weir: one Arrow schema for each kind.

A PCollection element is a ``pyarrow.RecordBatch`` of one of these schemas. Times are UTC
microseconds. A *position* is (topic, partition, offset): it names a Kafka message for ever.
"""

from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

TIMESTAMP = pa.timestamp("us", "UTC")
LEFT_OUT = "\n\n[part of the post left out]\n\n"  # where a text has lost its middle
HEADERS = pa.list_(pa.struct([pa.field("key", pa.string()), pa.field("value", pa.binary())]))


class Route(StrEnum):
    """What the screen decided for one post and one policy."""

    CLEAR = "clear"  # below the threshold: not judged
    ESCALATE = "escalate"  # at or above the threshold
    AUDIT = "audit"  # below the threshold, judged because the random sample took it
    FORCED = "forced"  # the screen has no head for this policy, so nothing can be cleared
    LESSON = "lesson"  # below the threshold, drawn at random to teach a screen, not to measure one
    # Below the threshold, and a post that the judge is asked about under several other policies at
    # once: it says of this one as well, so the pair is an audit with probability 1.
    BESIDE = "beside"
    EMPTY = "empty"  # nothing to read, once what is not shown is taken away: cleared, never judged
    # An audit that the judge's budget took out of the sample: judged late, and no part of an
    # estimate. Whatever else is deferred keeps its route.
    DEFERRED = "deferred"


class Outcome(StrEnum):
    """What the judge decided. Indeterminate is never treated as safe."""

    VIOLATES = "violates"
    SAFE = "safe"
    INDETERMINATE = "indeterminate"


class Mode(StrEnum):
    """What a verdict is for; only ``enforce`` reaches the flagged topic."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    REPLAY = "replay"


class Stage(StrEnum):
    """Where a row could not be processed."""

    DECODE = "decode"
    ESCALATION = "escalation"  # a message of the escalations or the deferred topic
    JUDGE = "judge"
    WRITE = "write"


LARGEST_MESSAGE = 32 << 20  # bytes: what a process holds, several times over, of one message


class Withheld(StrEnum):
    """Why the key, value and headers of a message were not read."""

    MESSAGE_TOO_LARGE = "message_too_large"  # it does not fit what is held at once
    BATCH_TOO_LARGE = "batch_too_large"  # its record batch decompresses to too much


_POSITION = [
    pa.field("topic", pa.string(), nullable=False),
    pa.field("partition", pa.int32(), nullable=False),
    pa.field("offset", pa.int64(), nullable=False),
]
_ENVELOPE = [
    pa.field("key", pa.binary()),
    pa.field("value", pa.binary()),  # null is a tombstone
    pa.field("headers", HEADERS),
]

# One row per Kafka message, as read.
MESSAGE = pa.schema(
    [
        *_POSITION,
        pa.field("timestamp", TIMESTAMP),  # null where Kafka has none or it is outside years 1-9999
        *_ENVELOPE,
        pa.field("withheld", pa.string()),  # Withheld; null where the message was read
    ]
)

# One row per post. `value` is the message as it came (no copy): attributes are taken from it
# for the few posts that are judged, not for all.
CONTENT = pa.schema(
    [
        pa.field("content_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("created_at", TIMESTAMP, nullable=False),  # within 1970-2099: partitions tables
        pa.field("language", pa.string()),
        *_POSITION,
        pa.field("timestamp", TIMESTAMP),
        *_ENVELOPE,
        pa.field("author_id", pa.string()),  # a pseudonym; null where none is asked for
        # What the post answers, for the judge alone to understand it by; null where none is known.
        pa.field("context", pa.string()),
    ]
)

# One row per post, every policy's score and route inside it.
SCREENING = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),
        *_POSITION,
        pa.field("created_at", TIMESTAMP, nullable=False),
        pa.field("screened_at", TIMESTAMP, nullable=False),
        pa.field("language", pa.string()),
        pa.field("screen_version", pa.string(), nullable=False),
        pa.field("policy_set", pa.string(), nullable=False),
        pa.field(
            "policies",
            pa.list_(
                pa.struct(
                    [
                        pa.field("policy_id", pa.string()),
                        pa.field("score", pa.float64()),  # null where the screen has no head
                        pa.field("route", pa.string()),
                    ]
                )
            ),
        ),
        pa.field("mode", pa.string()),  # of the run
        pa.field("shadow_policies", pa.list_(pa.string())),  # those of the set that are in shadow
        # Chance that the row is stored: below 1 only where every policy cleared the post.
        pa.field("recorded_probability", pa.float64()),
        pa.field("record_cleared", pa.float64()),  # of the posts that every policy cleared
        pa.field("author_id", pa.string()),
        pa.field("stages", pa.int64()),  # of the screen that read the post: 1, or 2
        pa.field("detected_language", pa.string()),  # see transforms.text.languages
        # Of the thresholds that follow the stream; null where none does, or nothing is to read.
        pa.field("threshold_version", pa.string()),
        pa.field("audit_rate", pa.float64()),  # of the run, for cleared posts that nothing raises
    ]
)

# One row per threshold that follows the stream, each time that one of its language's changes; the
# thresholds table, column for column. A position is where it first decided in this process.
THRESHOLD = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        *_POSITION,
        pa.field("threshold_version", pa.string(), nullable=False),
        pa.field("screen_version", pa.string(), nullable=False),
        pa.field("policy_id", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # see thresholds.group.Reason
        pa.field("threshold", pa.float64(), nullable=False),
        pa.field("share", pa.float64(), nullable=False),  # of the language's posts, as asked for
        pa.field("share_above", pa.float64()),  # of the latest ones; null before there are any
        pa.field("posts", pa.int64(), nullable=False),  # of the language, seen by this process
        pa.field("decided_at", TIMESTAMP, nullable=False),
    ]
)

# One row per post and policy to judge. Position and envelope are those of the post, wherever the
# escalation has been since.
POST_KEY = ("cluster", "run", "topic", "partition", "offset")  # what rows of one post share
ESCALATION = pa.schema(
    [
        *CONTENT,
        pa.field("policy_id", pa.string(), nullable=False),
        pa.field("policy_version", pa.string(), nullable=False),
        pa.field("screen_version", pa.string(), nullable=False),
        pa.field("route", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("inclusion_probability", pa.float64(), nullable=False),  # 1.0 unless an audit
        # Of the job that screened it, where that was another one than the one that judges.
        pa.field("run", pa.string()),
        pa.field("cluster", pa.string()),
        pa.field("mode", pa.string()),
        # The decision id of the provisional flag that went out for it; null where none did.
        pa.field("provisional_id", pa.string()),
    ]
)

# One row per post and policy that is flagged before it is judged: its verdict follows.
PROVISIONAL = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        *CONTENT,
        pa.field("attributes", pa.string()),
        pa.field("policy_id", pa.string(), nullable=False),
        pa.field("policy_version", pa.string(), nullable=False),
        pa.field("screen_version", pa.string(), nullable=False),
        pa.field("route", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("flagged_at", TIMESTAMP, nullable=False),
    ]
)

# One row per post and policy that waits for a later run; the deferrals table, column for column.
DEFERRAL = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),
        *_POSITION,
        pa.field("created_at", TIMESTAMP, nullable=False),
        pa.field("deferred_at", TIMESTAMP, nullable=False),
        pa.field("language", pa.string()),
        pa.field("policy_id", pa.string(), nullable=False),
        pa.field("policy_version", pa.string(), nullable=False),
        pa.field("screen_version", pa.string(), nullable=False),
        pa.field("route", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("inclusion_probability", pa.float64(), nullable=False),
        pa.field("author_id", pa.string()),
    ]
)

# An escalation that is deferred, with all that judges it later.
DEFERRED = pa.schema([*ESCALATION, DEFERRAL.field("decision_id"), DEFERRAL.field("deferred_at")])

# One row per post and policy judged; the verdicts table, column for column.
VERDICT = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("mode", pa.string(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),
        *_POSITION,
        pa.field("created_at", TIMESTAMP, nullable=False),
        pa.field("judged_at", TIMESTAMP, nullable=False),
        pa.field("language", pa.string()),
        pa.field("text", pa.string(), nullable=False),
        pa.field("attributes", pa.string()),  # the message less the decoded fields, as JSON
        pa.field("policy_id", pa.string(), nullable=False),
        pa.field("policy_version", pa.string(), nullable=False),
        pa.field("screen_version", pa.string(), nullable=False),
        pa.field("route", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("inclusion_probability", pa.float64(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("probability", pa.float64()),  # of a violation, in [0, 1]
        pa.field("confidence", pa.string()),  # low, medium or high, as the judge says
        pa.field("categories", pa.list_(pa.string())),
        pa.field("rule_ids", pa.list_(pa.string())),
        pa.field("rationale", pa.string()),
        pa.field("reasoning", pa.string()),
        pa.field("reason", pa.string()),  # why it is indeterminate; null otherwise
        pa.field("answer", pa.string()),  # then: what the model said; null otherwise
        pa.field("engine", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("effort", pa.string(), nullable=False),
        # Of all that was asked for the row; of a request about several policies its share.
        pa.field("tokens_in", pa.int64()),
        pa.field("tokens_cached", pa.int64()),
        pa.field("tokens_out", pa.int64()),  # reasoning included
        pa.field("tokens_reasoning", pa.int64()),
        pa.field("tokens_cut", pa.int64()),  # of the post, about: read in no window
        pa.field("queue_ms", pa.float64()),  # of the latency, until the engine began
        pa.field("latency_ms", pa.float64()),  # from submission to the result
        pa.field("cached", pa.bool_(), nullable=False),
        pa.field("author_id", pa.string()),
        pa.field("tokens_policy", pa.int64()),  # of tokens_in: what stands before the post
        pa.field("reproducible", pa.bool_()),  # asked again, the engine gives the same tokens
        # Near-copies: the decision whose verdict one took; of one that was judged all the same, the
        # decision that it would have taken it from, and that verdict.
        pa.field("reused_from", pa.string()),
        pa.field("checked_against", pa.string()),
        pa.field("checked_verdict", pa.string()),
        pa.field("asked_together", pa.int64()),  # rows that one request answered; null: alone
        pa.field("requests", pa.float64()),  # that it took; a part of one asked together, 0 a copy
        # Of a policy with two efforts, where the second was asked: what the first one said, and
        # how many of the row's tokens are its.
        pa.field("first_effort", pa.string()),
        pa.field("first_verdict", pa.string()),
        pa.field("first_probability", pa.float64()),
        pa.field("first_tokens_in", pa.int64()),
        pa.field("first_tokens_cached", pa.int64()),
        pa.field("first_tokens_out", pa.int64()),
    ]
)

# A verdict that violates, or that answers a provisional flag, with the envelope that the flagged
# topic carries along.
VIOLATION = pa.schema(
    [
        *VERDICT,
        pa.field("key", pa.binary()),
        pa.field("headers", HEADERS),
        pa.field("provisional_id", pa.string()),
    ]
)

# One row per message, or post and policy, that could not be processed.
DEAD_LETTER = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # a short code, to group by
        pa.field("error", pa.string(), nullable=False),  # a sentence without post text
        pa.field("content_id", pa.string()),
        pa.field("policy_id", pa.string()),
        *_POSITION,
        pa.field("timestamp", TIMESTAMP),
        *_ENVELOPE,
        pa.field("attempts", pa.int64(), nullable=False),
        pa.field("died_at", TIMESTAMP, nullable=False),
        pa.field("author_id", pa.string()),
    ]
)

EDITED, DELETED = "edited", "deleted"
# One row per message by which a post was edited or deleted; the post_changes table, column for
# column.
CHANGE = pa.schema(
    [
        pa.field("decision_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),
        *_POSITION,
        pa.field("change", pa.string(), nullable=False),  # edited or deleted
        pa.field("changed_at", TIMESTAMP, nullable=False),  # as its system says, else Kafka
        pa.field("recorded_at", TIMESTAMP, nullable=False),
        pa.field("author_id", pa.string()),
    ]
)

# One row per decision of a reviewer; the human_labels table, column for column.
HUMAN_LABEL = pa.schema(
    [
        pa.field("review_id", pa.string(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("content_id", pa.string(), nullable=False),
        *_POSITION,
        pa.field("created_at", TIMESTAMP, nullable=False),
        pa.field("policy_id", pa.string(), nullable=False),
        pa.field("policy_version", pa.string()),
        pa.field("human_verdict", pa.string(), nullable=False),  # violates, safe or undone
        pa.field("reviewer", pa.string(), nullable=False),
        pa.field("reviewed_at", TIMESTAMP, nullable=False),
        pa.field("note", pa.string()),
        pa.field("author_id", pa.string()),
    ]
)


def post_bytes(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return the bytes of each row's ``text`` and ``value``, which are nearly all that it takes."""
    text: Any = rows["text"]
    value: Any = rows["value"]
    total = pc.add(pc.binary_length(text), pc.fill_null(pc.binary_length(value), 0))
    return np.asarray(total.to_numpy(zero_copy_only=False), np.int64)
