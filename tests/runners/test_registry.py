"""A real schema registry: what is written by it is read, whatever becomes of it meanwhile."""

import uuid
from contextlib import contextmanager

import pytest

from tests.benchmarks import registry_accounting
from tests.runners.conftest import require
from weir.infra.local import broker, schema_registry
from weir.infra.local.downloads import java, registry_jar
from weir.pipelines.demo import stack_on
from weir.pipelines.options.sinks import TopicOptions
from weir.pipelines.settings.registry import flagged_form, register
from weir.transforms.registry import (
    RegistryClient,
    RegistryError,
    RegistrySettings,
    Schema,
    SchemaType,
    UnknownSchemaError,
)
from weir.transforms.write.flagged_forms import Form

REGISTERED = [form for form in Form if form.registered]


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    require(java, registry_jar)
    with schema_registry(log_file=tmp_path_factory.mktemp("registry") / "log") as running:
        yield running


def test_schemas_are_found_with_those_they_refer_to_and_again_after_a_kill(registry):
    client = RegistryClient(RegistrySettings(registry.url))
    client.check()
    number = client.register("a", Schema(SchemaType.PROTOBUF, 'syntax = "proto3"; message A {}'))
    registry.server.kill()
    registry.server.start()
    assert client.schema(number).text.startswith("syntax")
    with pytest.raises(UnknownSchemaError):
        client.schema(9_999)


@pytest.mark.parametrize("form", REGISTERED)
def test_the_flagged_topics_schema_is_registered_once_and_found(registry, form):
    topics = TopicOptions(flagged_format=form.value, flagged_topic=f"flags-{form}")
    settings = RegistrySettings(registry.url)
    with pytest.raises(RegistryError, match="weir tables --register"):
        flagged_form(topics, settings)
    subject, number = register(topics, settings)
    assert register(topics, settings) == (subject, number)
    assert flagged_form(topics, settings).schema == number


def test_all_is_accounted_for_while_the_registry_is_killed_in_the_middle(emulator, tmp_path):
    require(java, registry_jar)

    @contextmanager
    def stack():
        with broker() as bootstrap:
            yield stack_on(bootstrap, emulator, f"weir_{uuid.uuid4().hex[:8]}")

    arguments = ["--count=1200", "--format=avro", "--seconds=1", "--reading=off"]
    with pytest.raises(SystemExit) as end:
        registry_accounting.main([*arguments, f"--out={tmp_path / 'out.json'}"], stack)
    assert not end.value.code, (tmp_path / "out.json").read_text()
