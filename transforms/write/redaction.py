"""What is kept of a post's text in BigQuery and in dead letters: all, a keyed hash, or nothing.

Whatever may quote the post goes with it: attributes, rationale, reasoning, answer, and of a dead
letter the message, its key and its headers. Kafka's own topics, the flagged one too, are what they
were.
"""

import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa

from weir.transforms.secret import Secret

HASH_PREFIX = "hmac-sha256:"
_HASH = re.compile(re.escape(HASH_PREFIX) + "[0-9a-f]{64}")
_QUOTING = ("attributes", "rationale", "reasoning", "answer", "note")
_ENVELOPE = ("key", "headers")


class StoreText(StrEnum):
    """What is kept of a post's text."""

    FULL = "full"
    HASH = "hash"
    NONE = "none"


def is_kept(text: str) -> bool:
    """Return whether what stands for a post's text in a row is the text itself."""
    return bool(text) and not _HASH.fullmatch(text)


@dataclass(frozen=True)
class Redaction:
    """Takes the text out of the rows of a table; ``key`` is that of the hash.

    The hash needs a key because a short post can be guessed: whoever has the hash alone could try.
    """

    store: StoreText
    key: Secret | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.store is StoreText.HASH and not self.key:
            raise ValueError("a hash of a text needs a key")

    def __call__(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return VERDICT or DEAD_LETTER rows with no more of the post than is to be kept."""
        if self.store is StoreText.FULL:
            return rows
        columns = [self._kept(name, rows.column(name)) for name in rows.schema.names]
        return pa.RecordBatch.from_arrays(columns, schema=rows.schema)

    def _kept(self, name: str, column: Any) -> Any:
        if name in _QUOTING or name in _ENVELOPE:
            return pa.nulls(len(column), column.type)
        if name not in ("text", "value"):
            return column
        if self.store is StoreText.HASH:
            return pa.array([self._hash(each) for each in column.to_pylist()], column.type)
        # The text of a verdict is required, so it is empty rather than null.
        return pa.array([""] * len(column), column.type) if name == "text" else _none(column)

    def _hash(self, text: str | bytes | None) -> str | None:
        if text is None:
            return None
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        assert self.key is not None  # as it was checked
        key = self.key.encode("utf-8", "surrogateescape")
        return HASH_PREFIX + hmac.digest(key, raw, "sha256").hex()


def _none(column: Any) -> Any:
    return pa.nulls(len(column), column.type)
