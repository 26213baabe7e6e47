"""The forms that a message of the flagged topic may have, and the schema of each.

A message is made, and cut where it is too large, as JSON with CloudEvents headers; a form is what
becomes of that at the very end.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import fastavro
import msgspec
from google.protobuf import descriptor_pb2

from weir.transforms.decode.protobuf.compile import file_set, message_class
from weir.transforms.decode.schema_source import FRAME
from weir.transforms.kafka.outbox import Record
from weir.transforms.registry import RegistryError, Schema, SchemaType

_HERE = Path(__file__).parent
_MESSAGE = "org.weir.Flag"
_FIRST_MESSAGE = b"\0"  # of the schema, as a registry's frame of Protobuf says it
_TIMES = ("created_at", "judged_at")
_STRUCTURED = b"application/cloudevents+json"
_JSON = b"application/json"
_CE, _TYPE = "ce_", "content-type"
_ACTION = b'{"send_time":'  # as an action is written here


class Form(StrEnum):
    """What the value of a message is."""

    JSON = "json"  # CloudEvents 1.0 in Kafka's binary mode: attributes in headers, a JSON body
    CLOUDEVENTS = "cloudevents"  # in its structured mode: all in one JSON object
    JSON_SCHEMA = "json-schema"  # the JSON body, framed as a schema registry has it
    AVRO = "avro"
    PROTOBUF = "protobuf"
    OSPREY = "osprey"  # an action of Osprey's, which its rules read

    @property
    def registered(self) -> bool:
        """Return whether messages begin with the id of a registered schema."""
        return self in _SCHEMAS


_SCHEMAS = {
    Form.JSON_SCHEMA: (SchemaType.JSON, "flagged.schema.json", _JSON),
    Form.AVRO: (SchemaType.AVRO, "flagged.avsc", b"application/avro"),
    Form.PROTOBUF: (SchemaType.PROTOBUF, "flagged.proto", b"application/protobuf"),
}


def schema_of_form(form: Form) -> Schema:
    """Return the schema of a form's messages; of JSON its JSON Schema, framed or not."""
    kind, file, _ = _SCHEMAS[form if form.registered else Form.JSON_SCHEMA]
    return Schema(kind, (_HERE / file).read_text("utf-8"))


def subject_of(topic: str) -> str:
    """Return what a registry calls the values of a topic."""
    return f"{topic}-value"


@dataclass(frozen=True)
class FlaggedForm:
    """A form, and for one that is registered the schema's id and, of Protobuf, its descriptors.

    The descriptors travel with it, so that workers need no compiler.
    """

    form: Form = Form.JSON
    schema: int = 0
    descriptors: bytes = b""

    @classmethod
    def of(cls, form: Form, schema: int = 0) -> "FlaggedForm":
        """Return the form with what it needs; RegistryError where it has no schema's id."""
        if form.registered and not schema:
            raise RegistryError(f"messages in the form {form} need the id of their schema")
        descriptors = b""
        if form is Form.PROTOBUF:
            descriptors = file_set(schema_of_form(form).text).SerializeToString()
        return cls(form, schema, descriptors)

    def encoded(self, record: Record) -> Record:
        """Return the JSON message in this form."""
        match self.form:
            case Form.JSON:
                return record
            case Form.CLOUDEVENTS:
                return _structured(record)
            case Form.OSPREY:
                return _action(record)
            case Form.JSON_SCHEMA:
                body = record.value or b""
            case Form.AVRO:
                body = _avro(_timed(record.value or b""))
            case Form.PROTOBUF:
                body = _FIRST_MESSAGE + self._proto(_timed(record.value or b""))
        own = _SCHEMAS[self.form][2]
        headers = tuple((n, own if n == _TYPE else v) for n, v in record.headers)
        frame = b"\0" + self.schema.to_bytes(4, "big")
        return replace(record, value=frame + body, headers=headers)

    def _proto(self, body: Mapping[str, Any]) -> bytes:
        said = {name: value for name, value in body.items() if value is not None}
        message: bytes = _class(self.descriptors)(**said).SerializeToString()
        return message

    def plain(self, record: Record) -> Record:
        """Return what was ``encoded`` as the JSON message that it was."""
        body = (record.value or b"")[FRAME:]
        match self.form:
            case Form.JSON:
                return record
            case Form.CLOUDEVENTS:
                return _binary(record)
            case Form.OSPREY:
                return replace(record, value=_of_action(record.value or b""))
            case Form.JSON_SCHEMA:
                value = body
            case Form.AVRO:
                read: Any = fastavro.schemaless_reader(io.BytesIO(body), _avro_schema(), None)
                value = _written(read)
            case Form.PROTOBUF:
                message = _class(self.descriptors).FromString(body[len(_FIRST_MESSAGE) :])
                value = _written(_said(message))
        headers = tuple((n, _JSON if n == _TYPE else v) for n, v in record.headers)
        return replace(record, value=value, headers=headers)


AS_JSON = FlaggedForm()


def form_of(record: Record) -> Form:
    """Return the form that a message of the flagged topic has, as it says itself."""
    value, kind = record.value or b"", dict(record.headers).get(_TYPE)
    if kind == _STRUCTURED:
        return Form.CLOUDEVENTS
    if value[:1] == b"\0":
        own = (form for form, (*_, content_type) in _SCHEMAS.items() if content_type == kind)
        return next(own, Form.JSON_SCHEMA)
    return Form.OSPREY if value.startswith(_ACTION) else Form.JSON


def _timed(body: bytes) -> dict[str, Any]:
    """Return a JSON body with its times as such, and its attributes as JSON."""
    read: dict[str, Any] = msgspec.json.decode(body)
    times = {name: datetime.fromisoformat(read[name]) for name in _TIMES if read[name] is not None}
    return read | times | {"attributes": msgspec.json.encode(read["attributes"]).decode()}


def _written(body: Mapping[str, Any]) -> bytes:
    attributes = msgspec.Raw(body["attributes"].encode())
    return msgspec.json.encode(dict(body) | {"attributes": attributes})


def _avro(body: Mapping[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _avro_schema(), body)
    return out.getvalue()


@lru_cache(maxsize=1)
def _avro_schema() -> Any:
    return fastavro.parse_schema(msgspec.json.decode(schema_of_form(Form.AVRO).text))


@lru_cache(maxsize=2)
def _class(descriptors: bytes) -> type[Any]:
    return message_class(descriptor_pb2.FileDescriptorSet.FromString(descriptors), _MESSAGE)


def _said(message: Any) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for each in message.DESCRIPTOR.fields:
        value = getattr(message, each.name)
        if each.has_presence and not message.HasField(each.name):
            said[each.name] = None
        elif each.name in _TIMES:
            said[each.name] = value.ToDatetime(tzinfo=UTC)
        elif each.is_repeated:
            said[each.name] = list(value)
        else:
            said[each.name] = _said(value) if each.message_type else value
    return said


def _structured(record: Record) -> Record:
    own = {name.removeprefix(_CE): value.decode() for name, value in record.headers if _own(name)}
    data = msgspec.Raw(record.value or b"")
    event = own | {"datacontenttype": "application/json", "data": data}
    carried = tuple(each for each in record.headers if not _own(each[0]) and each[0] != _TYPE)
    return replace(
        record, value=msgspec.json.encode(event), headers=((_TYPE, _STRUCTURED), *carried)
    )


def _binary(record: Record) -> Record:
    event = msgspec.json.decode(record.value or b"", type=dict[str, msgspec.Raw])
    own = tuple(
        (_CE + name, msgspec.json.decode(value, type=str).encode())
        for name, value in event.items()
        if name not in ("data", "datacontenttype")
    )
    headers = (*own, (_TYPE, _JSON), *record.headers[1:])
    return replace(record, value=bytes(event["data"]), headers=headers)


def _action(record: Record) -> Record:
    """Return the message as roostorg/osprey's KafkaInputStream reads an action (2026-11-28).

    An action's id is a whole number there: 63 bits of the decision's hash.
    """
    own = {name: value.decode() for name, value in record.headers if _own(name)}
    identity = hashlib.sha256(own["ce_id"].encode()).digest()[:8]
    action = {
        "action_id": int.from_bytes(identity, "big") >> 1,
        "action_name": f"weir_{own['ce_type'].split('.')[2]}",  # org.weir.violation.v1
        "data": msgspec.Raw(record.value or b""),
    }
    event = {"send_time": own["ce_time"], "data": action}
    return replace(record, value=msgspec.json.encode(event))


def _of_action(value: bytes) -> bytes:
    event = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    return bytes(msgspec.json.decode(event["data"], type=dict[str, msgspec.Raw])["data"])


def _own(name: str) -> bool:
    return name.startswith(_CE)
