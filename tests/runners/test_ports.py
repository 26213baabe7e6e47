"""Every port on Prism and on Flink, of the job and of what it starts, while it does its work."""

import os

import pytest

from tests.listeners import listeners
from tests.runners.conftest import require
from tests.runners.stream import Command
from weir.infra.local.downloads import flink_jar, java

SMALL = ["--job-server-jvm-properties=-Xmx384m", "--job-server-jvm-properties=-XX:+UseSerialGC"]


@pytest.fixture
def embedded(tmp_path):
    require(java, flink_jar)
    return ["--runner=flink", f"--checkpoints={tmp_path.as_uri()}", *SMALL]


@pytest.mark.parametrize(
    ("runner", "program"), [("prism", "prism"), ("embedded", "java"), ("flink", "java")]
)
def test_every_port_is_on_loopback(stream, runner, program, request, tmp_path):
    arguments = [*stream.arguments(), *request.getfixturevalue(runner)]
    with Command(arguments, tmp_path / "log") as job:
        stream.send(20)
        stream.wait_until_screened()
        seen, of_job = listeners(os.getpid()), listeners(job.process.pid)
        job.terminate()  # or the job stays on the cluster, which other tests use too
    assert all(each.on_loopback for each in seen), sorted(seen)
    assert program in {each.program for each in of_job}
