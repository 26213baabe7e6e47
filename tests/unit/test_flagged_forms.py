"""The flagged topic's forms: what is written its published schema reads, and it says the same."""

import io
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import fastavro
import jsonschema
import pytest
from google.protobuf import json_format

from tests.json_messages import read
from tests.registry_server import registry_server
from tests.unit.decoding.cases import posts
from tests.unit.test_flagged import flagged
from weir.pipelines.errors import OptionError
from weir.pipelines.options.content import RegistryOptions
from weir.pipelines.options.sinks import TopicOptions
from weir.pipelines.settings.registry import check_form, flagged_form, register
from weir.transforms.decode import DecodeSettings
from weir.transforms.decode.protobuf.compile import file_set, message_class
from weir.transforms.registry import RegistryError, RegistrySettings
from weir.transforms.write.flagged import SCHEMA, _trim_formed
from weir.transforms.write.flagged_forms import FlaggedForm, Form, schema_of_form

RICH = {
    "language": "en",
    "attributes": '{"likes": 3}',
    "probability": 0.75,
    "categories": ["spam"],
    "rule_ids": ["SP2", "SP4"],
    "rationale": "It sells.",
    "score": 0.5,
}
EVERY = pytest.mark.parametrize("form", list(Form))


def made(form):
    return FlaggedForm.of(form, 7)


@EVERY
@pytest.mark.parametrize("changes", [{}, RICH], ids=["little", "much"])
def test_a_message_in_any_form_is_the_same_message(form, changes):
    record = flagged(**changes)
    again = made(form).plain(made(form).encoded(record))
    assert json.loads(again.value) == json.loads(record.value)
    assert replace(again, value=b"") == replace(record, value=b"")


@pytest.mark.parametrize("form", [form for form in Form if form.registered])
def test_a_registered_form_begins_with_the_id_of_its_schema(form):
    assert made(form).encoded(flagged()).value[:5] == b"\0\0\0\0\x07"


def test_avro_is_read_by_the_published_schema():
    record = made(Form.AVRO).encoded(flagged(**RICH))
    schema = fastavro.parse_schema(json.loads(schema_of_form(Form.AVRO).text))
    read: Any = fastavro.schemaless_reader(io.BytesIO(record.value[5:]), schema, None)
    assert (read["decision_id"], read["rule_ids"]) == ("d-1", ["SP2", "SP4"])
    assert read["judged_at"].microsecond == 5
    assert dict(record.headers)["content-type"] == b"application/avro"


def test_protobuf_is_read_by_the_published_schema():
    record = made(Form.PROTOBUF).encoded(flagged(**RICH))
    read = message_class(file_set(schema_of_form(Form.PROTOBUF).text), "org.weir.Flag").FromString(
        record.value[6:]
    )
    assert record.value[5:6] == b"\0"
    assert json_format.MessageToDict(read)["position"] == {
        "topic": "posts",
        "partition": 3,
        "offset": "7",
    }


def test_cloudevents_hold_all_in_one_object():
    record = made(Form.CLOUDEVENTS).encoded(flagged())
    event = json.loads(record.value)
    assert {name: event[name] for name in event if name != "data"} == {
        "specversion": "1.0",
        "id": "d-1",
        "source": "/weir/live",
        "type": "org.weir.violation.v1",
        "time": "2026-11-01T12:30:00.000005+00:00",
        "subject": "p1",
        "datacontenttype": "application/json",
    }
    jsonschema.validate(event["data"], SCHEMA)
    assert record.headers == (("content-type", b"application/cloudevents+json"), ("trace", b"1"))


def test_osprey_reads_an_action_as_its_input_stream_does():
    """As roostorg/osprey, osprey_worker/.../input_stream.py has it; Osprey itself was not run."""
    record = flagged(**RICH)
    read = json.loads(made(Form.OSPREY).encoded(record).value)
    sent = datetime.fromisoformat(read["send_time"])
    action = read["data"]
    assert sent.tzinfo is not None
    assert 0 <= int(action["action_id"]) < 2**63
    assert action["action_name"] == "weir_violation"
    assert action["data"] == json.loads(record.value)


def test_an_action_for_osprey_is_a_post_to_whoever_reads_its_envelope():
    settings = DecodeSettings(envelope="osprey", id_field="content_id")
    decoded = read(made(Form.OSPREY).encoded(flagged()).value, settings=settings)
    body = json.loads(flagged().value)
    assert [post[:2] for post in posts(decoded)] == [(body["content_id"], body["text"])]


def test_every_schema_has_every_field_of_the_body():
    avro = [each["name"] for each in json.loads(schema_of_form(Form.AVRO).text)["fields"]]
    (*_, proto) = file_set(schema_of_form(Form.PROTOBUF).text).file
    assert set(avro) == set(SCHEMA["properties"])
    assert {each.name for each in proto.message_type[0].field} == set(avro)


@EVERY
def test_a_message_that_does_not_fit_is_trimmed_in_its_own_form(form):
    record = made(form).encoded(flagged(text="x" * 1000))
    smaller = _trim_formed(made(form), record)
    assert smaller.size < record.size - 400
    assert json.loads(made(form).plain(smaller).value)["truncated"] is True


def test_a_form_is_sent_once_its_schema_is_registered():
    topics = TopicOptions(flagged_format="avro", flagged_topic="flags")
    with registry_server() as server:
        registry = RegistrySettings(server.url)
        with pytest.raises(RegistryError, match="weir tables --register --flagged-format=avro"):
            flagged_form(topics, registry)
        assert register(topics, registry) == ("flags-value", 1)
        assert register(topics, registry) == ("flags-value", 1)
        assert flagged_form(topics, registry) == FlaggedForm(Form.AVRO, 1)


def test_a_form_that_needs_a_registry_is_refused_without_one():
    with pytest.raises(OptionError, match="--flagged-format=avro needs --schema-registry"):
        check_form(TopicOptions(flagged_format="avro"), RegistryOptions())
