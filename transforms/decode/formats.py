"""The formats by name: another one is a module with two functions, a line here and in settings."""

from collections.abc import Callable

import pyarrow as pa

from weir.transforms.decode import json_format, text_format
from weir.transforms.decode.leaves import Leaves
from weir.transforms.decode.outcome import Decoded
from weir.transforms.decode.posts import composer
from weir.transforms.decode.settings import DecodeSettings
from weir.transforms.decode.unread import apart_from_unread

_FORMATS = {"json": json_format, "text": text_format}


def decoder(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Decoded]:
    """Return the pure function from a MESSAGE batch to its posts and its failures."""
    find: Callable[[pa.RecordBatch], Leaves] = _FORMATS[settings.format].leaves(settings)
    compose = composer(settings)

    def decoded(batch: pa.RecordBatch) -> Decoded:
        return compose(batch, find(batch))

    return apart_from_unread(decoded, settings.max_post_bytes)


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    rest: list[str | None] = _FORMATS[settings.format].attributes(values, settings)
    return rest
