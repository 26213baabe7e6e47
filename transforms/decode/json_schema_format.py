"""JSON in the wire format of a schema registry: its schema says nothing that reading it needs.

A message that breaks its schema is a post all the same where its text can be found, as it is with
plain JSON; only the id has to be one of a JSON Schema.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from weir.transforms.decode import json_format
from weir.transforms.decode.leaves import Leaves
from weir.transforms.decode.outcome import Failure, drop_failures
from weir.transforms.decode.schema_source import FRAME, schema_of
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.decode.wire_format import Readers, bodies, rows_by_schema, unframed


def leaves(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Leaves]:
    """Return the function that finds what is wanted in a MESSAGE batch."""
    known = Readers(lambda number: schema_of(settings.schema, settings.format, number))
    find = json_format.leaves(settings)

    def found(batch: pa.RecordBatch) -> Leaves:
        values = bodies(batch["value"])
        _, numbers = unframed(values)
        _, damaged = rows_by_schema(values, numbers, known)
        failures = [Failure(row, *damaged[row]) for row in sorted(damaged)]
        framed = drop_failures(batch, failures)
        place = framed.schema.get_field_index("value")
        inside = find(framed.set_column(place, framed.schema.field(place), _bare(framed["value"])))
        kept = np.delete(np.arange(batch.num_rows), list(damaged))
        return inside.moved(kept.tolist(), failures)

    return found


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    return json_format.attributes(_bare(values), settings)


def _bare(values: pa.Array) -> pa.Array:
    # Not by binary_slice, which fails for some thousands of values (negative buffer resize).
    return pa.array([value[FRAME:] for value in values.to_pylist()], pa.binary())
