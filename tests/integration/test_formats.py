"""A whole job in other formats than JSON: a real broker and emulator, a stand-in registry."""

import io
import json
import struct
from typing import Any

import fastavro
import pytest
from typer.testing import CliRunner

from tests.avro_messages import POST, written
from tests.avro_messages import post as post_of
from tests.integration.stored import service
from tests.integration.test_moderate import Job
from tests.registry_server import registry_server, say
from weir.pipelines.commands.cli import app
from weir.pipelines.errors import OptionError
from weir.transforms.registry import RegistryError
from weir.transforms.write.flagged_forms import Form, schema_of_form

CHEAT = "selling aimbot and wallhack for ranked, undetected, dm me"


@pytest.fixture
def job(kafka, bigquery):
    return Job(kafka, bigquery)


@pytest.fixture
def registry():
    with registry_server() as running:
        yield running


def test_avro_goes_in_and_comes_out_by_a_registry(job, bigquery, registry):
    frame = b"\0" + struct.pack(">I", registry.add(POST))
    posts = [post_of(id=f"p{n}", text=CHEAT, author=post_of()["author"]) for n in range(3)]
    job.send([*(frame + written(post) for post in posts), b"{}"])
    out = [
        f"--schema-registry={registry.url}",
        f"--flagged-topic={job.name}-flagged",
        "--flagged-format=avro",
    ]
    with pytest.raises(RegistryError, match="weir tables --register"):
        job.run("--format=avro", *out)
    made = CliRunner().invoke(app, ["tables", *service(bigquery), "--register", *out])
    assert made.exit_code == 0, made.output
    assert f"{job.name}-flagged-value has the schema 2" in made.output.replace("\n", " ")
    counts = job.run("--format=avro", *out)
    assert counts.imbalances() == []
    assert (counts.messages, counts.screenings, counts.dead_letters) == (4, 3, 1)
    schema = fastavro.parse_schema(json.loads(schema_of_form(Form.AVRO).text))
    flags = [record.value for record in job.read("flagged")]
    assert flags
    assert {flag[:5] for flag in flags} == {b"\0\0\0\0\2"}
    read: list[Any] = [
        fastavro.schemaless_reader(io.BytesIO(flag[5:]), schema, None) for flag in flags
    ]
    assert {flag["text"] for flag in read} == {CHEAT}
    assert json.loads(read[0]["attributes"])["kind"] == "POST"


def test_a_registry_that_does_not_answer_ends_the_job_before_it_begins(job, registry):
    job.send([b"\0\0\0\0\1x"])
    registry.answer = lambda to: say(to, 200, b"<html>hello</html>")
    with pytest.raises(RegistryError, match="is the URL right"):
        job.run("--format=avro", f"--schema-registry={registry.url}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format=avro"], "needs a schema registry, or a schema file"),
        (["--format=avro", "--schema-file=/no/such.avsc"], "cannot be read"),
        (["--flagged-format=avro"], "needs --schema-registry"),
    ],
)
def test_options_that_cannot_work_are_refused(job, options, said):
    with pytest.raises(OptionError, match=said):
        job.run(*options)
