"""Plain text: the value is the post, named by its position and dated by Kafka."""

from collections.abc import Callable

import pyarrow as pa

from weir.transforms.decode.leaves import Kind, Leaves
from weir.transforms.decode.settings import DecodeSettings


def leaves(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Leaves]:
    """Return the function that reads a MESSAGE batch; plain text has no fields to find."""
    kinds = [each.kind for each in settings.wanted]

    def found(batch: pa.RecordBatch) -> Leaves:
        # One stray byte must not keep a post from being screened.
        texts = [value.decode("utf-8", "replace") for value in batch["value"].to_pylist()]
        return Leaves([texts if kind is Kind.TEXT else None for kind in kinds])

    return found


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:  # noqa: ARG001 - the signature of every format
    """Return None for each message: there is nothing beside the text."""
    return [None] * len(values)
