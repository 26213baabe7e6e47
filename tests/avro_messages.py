"""Posts as Avro has them, written by the usual library."""

import io
import json

import fastavro

from tests.json_messages import messages
from weir.transforms.decode import DecodeSettings, decoder
from weir.transforms.decode.schema_source import SchemaSettings

POST = {
    "type": "record",
    "name": "Post",
    "namespace": "forum",
    "fields": [
        {"name": "id", "type": ["string", "long"]},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["POST", "REPLY"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []},
        {"name": "text", "type": ["null", "string"], "default": None},
        {"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "lang", "type": ["null", "string"], "default": None},
        {
            "name": "author",
            "type": {
                "type": "record",
                "name": "Author",
                "fields": [
                    {"name": "id", "type": "long"},
                    {"name": "karma", "type": "double"},
                    {"name": "names", "type": {"type": "map", "values": "string"}},
                ],
            },
        },
        {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 4}},
        {"name": "pinned", "type": "boolean"},
    ],
}
MADE = 1_764_000_000_123  # ms


def post(**fields):
    author = {"id": 7, "karma": 1.5, "names": {"en": "Ann"}}
    usual = {
        "id": "p1",
        "kind": "POST",
        "tags": ["a", "b"],
        "text": "a post",
        "created_at": MADE,
        "lang": "en",
        "author": author,
        "digest": b"1234",
        "pinned": True,
    }
    return usual | fields


def written(value, schema=POST) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def bare(schema=POST, **settings) -> DecodeSettings:
    """Settings of messages that are all of one schema, which a file holds."""
    return DecodeSettings("avro", schema=SchemaSettings(file=json.dumps(schema)), **settings)


def read_bare(*values, schema=POST, **settings):
    return decoder(bare(schema, **settings))(messages(*values))
