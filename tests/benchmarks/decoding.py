"""CPU time of decoding a message, each format beside confluent-kafka's deserialisers one by one.

``python -m tests.benchmarks.decoding [--messages N] [--rounds N] [--out FILE]``: the same posts of
200 bytes in JSON, Avro, Protobuf and JSON Schema, contenders in turn in one process. The usual
choice is measured where it is installed:
``pip install 'confluent-kafka[avro,json,protobuf,schemaregistry]'``.
"""

import argparse
import io
import json
import random
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import fastavro
import pyarrow as pa

from tests.registry_server import registry_server
from weir.transforms.decode import DecodeSettings, decoder
from weir.transforms.decode.protobuf.compile import file_set, message_class
from weir.transforms.decode.schema_source import SchemaSettings
from weir.transforms.records import MESSAGE
from weir.transforms.registry import RegistrySettings

_BATCH = 2_000  # what a poll returns
_WORDS = ("quick", "brown", "fox", "jumps", "over", "lazy", "dog", "then", "reads", "some", "more")

AVRO = {
    "type": "record",
    "name": "Post",
    "namespace": "forum",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "text", "type": "string"},
        {"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "lang", "type": ["null", "string"], "default": None},
        {
            "name": "author",
            "type": {
                "type": "record",
                "name": "Author",
                "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}],
            },
        },
        {"name": "likes", "type": "int"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
    ],
}
PROTO = """
syntax = "proto3";
package forum;
message Post {
  message Author { int64 id = 1; string name = 2; }
  string id = 1;
  string text = 2;
  int64 created_at = 3;
  optional string lang = 4;
  Author author = 5;
  int32 likes = 6;
  repeated string tags = 7;
}
"""
JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "text": {"type": "string"},
        "created_at": {"type": "integer"},
        "lang": {"type": ["string", "null"]},
        "author": {
            "type": "object",
            "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
        },
        "likes": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id", "text"],
}
SCHEMAS = {
    "avro": (AVRO, "AVRO"),
    "protobuf": (PROTO, "PROTOBUF"),
    "json-schema": (JSON_SCHEMA, "JSON"),
}

Decoders = Mapping[str, Callable[[], Any]]


def posts(count: int) -> list[dict[str, Any]]:
    """Return posts of which each is about 200 bytes in the binary formats."""
    draw = random.Random(5)
    return [
        {
            "id": f"post-{number:08d}",
            "text": " ".join(draw.choices(_WORDS, k=31)),
            "created_at": 1_764_000_000_000 + number,
            "lang": draw.choice([None, "en"]),
            "author": {"id": draw.randrange(1 << 40), "name": f"someone_{number}"},
            "likes": draw.randrange(1000),
            "tags": ["a", "bcd"][: draw.randrange(3)],
        }
        for number in range(count)
    ]


def written(kind: str, post: Mapping[str, Any]) -> bytes:
    """Return the body of a message."""
    if kind == "avro":
        out = io.BytesIO()
        fastavro.schemaless_writer(out, _PARSED, post)
        return out.getvalue()
    if kind == "protobuf":
        body: bytes = _proto()(**post).SerializeToString()
        return b"\0" + body
    return json.dumps(post).encode()


_PARSED = fastavro.parse_schema(AVRO)
_CLASSES: list[type[Any]] = []


def _proto() -> type[Any]:
    if not _CLASSES:
        _CLASSES.append(message_class(file_set(PROTO), "forum.Post"))
    return _CLASSES[0]


def _batches(values: Sequence[bytes]) -> list[pa.RecordBatch]:
    rows = [
        {"topic": "posts", "partition": 0, "offset": offset, "value": value}
        for offset, value in enumerate(values)
    ]
    return [
        pa.RecordBatch.from_pylist(rows[begin : begin + _BATCH], schema=MESSAGE)
        for begin in range(0, len(rows), _BATCH)
    ]


def _weir(settings: DecodeSettings, values: Sequence[bytes]) -> Callable[[], Any]:
    decode, batches = decoder(settings), _batches(values)

    def all_of_them() -> None:
        read = sum(decode(batch).content.num_rows for batch in batches)
        assert read == len(values), f"{read} of {len(values)}"

    return all_of_them


def _usual(kind: str, url: str, values: Sequence[bytes]) -> Callable[[], Any]:
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.serialization import MessageField, SerializationContext

    client = SchemaRegistryClient({"url": url})
    context = SerializationContext("posts", MessageField.VALUE)
    if kind == "avro":
        from confluent_kafka.schema_registry.avro import AvroDeserializer

        read = AvroDeserializer(client)
    elif kind == "protobuf":
        from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer

        read = ProtobufDeserializer(_proto(), {"use.deprecated.format": False}, client)
    else:
        from confluent_kafka.schema_registry.json_schema import JSONDeserializer

        read = JSONDeserializer(None, schema_registry_client=client)
    return lambda: [read(value, context) for value in values]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write what was measured as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("decoding.json"))
    options = parser.parse_args(argv)
    made = posts(options.messages)
    contenders: dict[str, Callable[[], Any]] = {}
    size: dict[str, float] = {}
    with registry_server() as registry:
        settings = SchemaSettings(RegistrySettings(registry.url))
        plain = [written("json", post) for post in made]
        contenders["json"] = _weir(DecodeSettings(), plain)
        size["json"] = sum(map(len, plain)) / len(plain)
        for kind, schema in SCHEMAS.items():
            frame = b"\0" + struct.pack(">I", registry.add(*schema, subject=f"{kind}-value"))
            values = [frame + written(kind, post) for post in made]
            size[kind] = sum(map(len, values)) / len(values)
            contenders[kind] = _weir(DecodeSettings(kind, schema=settings), values)
            if find_spec("confluent_kafka"):
                contenders[f"usual {kind}"] = _usual(kind, registry.url, values)
        for run in contenders.values():
            run()  # asks for the schemas, and imports
        seconds: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(options.rounds):
            for name, run in contenders.items():
                began = time.process_time()
                run()
                seconds[name].append(time.process_time() - began)
    each = {name: median(took) / options.messages * 1e6 for name, took in seconds.items()}
    report = {
        "messages": options.messages,
        "bytes": {kind: round(of) for kind, of in size.items()},
        "cpu_us_per_message": {name: round(us, 2) for name, us in each.items()},
        "to_usual": {
            kind: round(each[kind] / each[f"usual {kind}"], 3)
            for kind in SCHEMAS
            if f"usual {kind}" in each
        },
    }
    if not report["to_usual"]:
        print("confluent-kafka is not installed: the usual choice is not measured", file=sys.stderr)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
