"""Messages for the decoder, and what it makes of them."""

import json
from datetime import UTC, datetime

import pyarrow as pa

from weir.transforms.decode import DecodeSettings, decoder
from weir.transforms.records import MESSAGE

RECEIVED = datetime(2026, 11, 2, 12, tzinfo=UTC)
JSON = DecodeSettings()
NESTED = DecodeSettings(
    id_field="post.id",
    text_field="post.body.text",
    time_field="post.meta.made",
    language_field="post.meta.lang",
)


def messages(*values: bytes | None, timestamp: datetime | None = RECEIVED) -> pa.RecordBatch:
    rows = [
        {
            "topic": "posts",
            "partition": 3,
            "offset": 100 + row,
            "timestamp": timestamp,
            "key": b"author",
            "value": value,
            "headers": [{"key": "trace", "value": b"1"}],
        }
        for row, value in enumerate(values)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=MESSAGE)


def read(*values: bytes | None, settings: DecodeSettings = JSON):
    return decoder(settings)(messages(*values))


def post(**fields: object) -> bytes:
    return json.dumps({"text": "a post"} | fields).encode()


def only(decoded, column: str):
    assert decoded.failures == ()
    assert decoded.content.num_rows == 1
    return decoded.content[column][0].as_py()
