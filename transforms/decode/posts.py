"""What makes posts of leaves, for every format: what has to be there, and what need not."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from weir.transforms.decode.leaves import Kind, Leaf, Leaves
from weir.transforms.decode.outcome import Decoded, Failure, Posts, outcome
from weir.transforms.decode.pseudonyms import pseudonym
from weir.transforms.decode.settings import DecodeSettings


def composer(settings: DecodeSettings) -> Callable[[pa.RecordBatch, Leaves], Decoded]:
    """Return the function from a MESSAGE batch, and what was found in it, to posts and failures."""
    kinds = [each.kind for each in settings.wanted]
    key = settings.pseudonym_key or ""
    name = ".".join(settings.wanted[kinds.index(Kind.TEXT)].path)

    def composed(batch: pa.RecordBatch, leaves: Leaves) -> Decoded:
        columns = dict(zip(kinds, leaves.columns, strict=True))
        found = columns[Kind.TEXT] or []
        authors = columns.get(Kind.AUTHOR)
        named: Sequence[str | None] | None = authors and _pseudonyms(authors, key)
        failures = list(leaves.failures)
        texts = _strings(found)
        if texts is None:
            rows = _rows(batch.num_rows, leaves.failures)
            textless = {
                at: _textless(rows[at], text, name, leaves.damaged, named[at] if named else None)
                for at, text in enumerate(found)
                if not isinstance(text, str)
            }
            failures = sorted((*failures, *textless.values()), key=lambda each: each.row)
            columns = {kind: _without(textless, column) for kind, column in columns.items()}
            named = _without(textless, named)
            texts = pa.array(columns[Kind.TEXT], pa.string())
        ids, times, languages = (columns[kind] for kind in (Kind.NAME, Kind.TIME, Kind.LANGUAGE))
        return outcome(batch, Posts(texts, ids, times, languages, named), failures)

    return composed


def _strings(leaves: Sequence[Leaf]) -> pa.Array | None:
    """Return a column of texts; None where one of them is no text."""
    try:
        texts = pa.array(leaves, pa.string())
    except pa.ArrowTypeError:
        return None
    return None if texts.null_count else texts


def _rows(count: int, failures: Sequence[Failure]) -> list[int]:
    """Return the row of the batch for each row that did not fail."""
    rows: list[int] = np.delete(np.arange(count), [each.row for each in failures]).tolist()
    return rows


def _without(numbers: Mapping[int, Any], column: Sequence[Leaf] | None) -> Sequence[Leaf] | None:
    if column is None or not numbers:
        return column
    return [leaf for number, leaf in enumerate(column) if number not in numbers]


def _textless(
    row: int, text: Leaf, name: str, damaged: Mapping[int, Failure], author: str | None
) -> Failure:
    """Return why a message has no text: what is wrong with it as a whole, if anything is."""
    if row in damaged:
        reason, error = damaged[row].reason, damaged[row].error
    elif text is None:
        reason, error = "missing_text", f"The value has no field {name}."
    else:
        reason, error = "text_not_a_string", f"Field {name} is not a string."
    return Failure(row, reason, error, author)


def _pseudonyms(authors: Sequence[Leaf], key: str) -> list[str | None]:
    return [None if author is None else pseudonym(key, author) for author in authors]
