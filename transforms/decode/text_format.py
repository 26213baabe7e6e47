"""Plain text: the value is the post, named by its position and dated by Kafka."""

from collections.abc import Callable

import pyarrow as pa

from weir.transforms.decode.outcome import Decoded, Failure, Posts, outcome
from weir.transforms.decode.settings import DecodeSettings


def decoder(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Decoded]:  # noqa: ARG001 - the signature of every format
    """Return the function that reads a MESSAGE batch; plain text has no fields to find."""
    return _decoded


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:  # noqa: ARG001 - the signature of every format
    """Return None for each message: there is nothing beside the text."""
    return [None] * len(values)


def _decoded(batch: pa.RecordBatch) -> Decoded:
    texts, failures = [], []
    for row, value in enumerate(batch["value"].to_pylist()):
        if value is None:
            failures.append(Failure(row, "tombstone", "The message has no value."))
            continue
        # One stray byte must not keep a post from being screened.
        texts.append(value.decode("utf-8", "replace"))
    nothing = [None] * len(texts)
    posts = Posts(texts, ids=nothing, times=None, languages=nothing)
    return outcome(batch, posts, failures)
