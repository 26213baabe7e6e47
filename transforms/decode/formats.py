"""The formats by name: another one is a module with two functions, a line here and in settings."""

from collections.abc import Callable

import pyarrow as pa

from weir.transforms.decode import json_format, text_format
from weir.transforms.decode.outcome import Decoded
from weir.transforms.decode.oversized import within
from weir.transforms.decode.settings import DecodeSettings

_FORMATS = {"json": json_format, "text": text_format}


def decoder(settings: DecodeSettings) -> Callable[[pa.RecordBatch], Decoded]:
    """Return the pure function from a MESSAGE batch to its posts and its failures."""
    decode: Callable[[pa.RecordBatch], Decoded] = _FORMATS[settings.format].decoder(settings)
    return within(decode, settings.max_post_bytes)


def attributes(values: pa.Array, settings: DecodeSettings) -> list[str | None]:
    """Return each message less the decoded fields, as JSON text; None where nothing is left."""
    rest: list[str | None] = _FORMATS[settings.format].attributes(values, settings)
    return rest
