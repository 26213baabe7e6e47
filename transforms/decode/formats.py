"""The formats by name: another one is a module with two functions, a line here and in settings."""

from collections.abc import Callable

import pyarrow as pa

from weir.transforms.decode import (
    avro_format,
    json_format,
    json_schema_format,
    protobuf_format,
    text_format,
)
from weir.transforms.decode.leaves import Leaves
from weir.transforms.decode.outcome import Decoded
from weir.transforms.decode.posts import composer
from weir.transforms.decode.schema_source import TYPES
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.decode.unread import apart_from_unread
from weir.transforms.decode.wire_format import of_headers

_FORMATS = {
    "json": json_format,
    "text": text_format,
    "avro": avro_format,
    "protobuf": protobuf_format,
    "json-schema": json_schema_format,
}


def decoder(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Decoded]:
    """Return the pure function from a MESSAGE batch to its posts and its failures."""
    find: Callable[[pa.RecordBatch], Leaves] = _FORMATS[settings.format].leaves(settings)
    compose = composer(settings)

    def decoded(batch: pa.RecordBatch) -> Decoded:
        leaves = find(_opened(batch, settings))
        if settings.schema.framed and leaves.failures:
            leaves = of_headers(batch, leaves)
        return compose(batch, leaves)

    return apart_from_unread(decoded, settings)


def file_damage(settings: DecodeSettings) -> str | None:
    """Return what is wrong with the schema file of bare messages; None where nothing is."""
    if settings.format not in TYPES or settings.schema.framed:
        return None
    found = _FORMATS[settings.format].readers_of(settings).of(0)
    return found[1] if isinstance(found, tuple) else None


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    if settings.format == "json":
        values = settings.open_envelope.opened(values)
    rest: list[str | None] = _FORMATS[settings.format].attributes(values, settings)
    return rest


def _opened(batch: pa.RecordBatch, settings: DecodeSettings) -> pa.RecordBatch:
    values = batch["value"]
    found = settings.open_envelope.opened(values) if settings.format == "json" else values
    if found is values:
        return batch
    place = batch.schema.get_field_index("value")
    return batch.set_column(place, batch.schema.field(place), found)
