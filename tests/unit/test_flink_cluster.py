"""What a job on a cluster of Flink is given, and what it is refused for."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.unit.test_runners import JAVA, JOB, embedded
from weir.pipelines.errors import OptionError
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.runners import job_options
from weir.pipelines.runners.flink import flink_defaults


def test_a_supervised_job_goes_on_where_there_is_a_checkpoint_and_begins_where_there_is_none(
    tmp_path,
):
    arguments = [f"--checkpoints={tmp_path.as_uri()}", "--run=a", "--supervised"]
    assert not any("--savepoint-path" in each for each in embedded(*arguments))
    (tmp_path / "a" / "0123" / "chk-1").mkdir(parents=True)
    (tmp_path / "a" / "0123" / "chk-1" / "_metadata").touch()
    assert any("--savepoint-path" in each for each in embedded(*arguments))


@contextmanager
def flink_that_says(version, slots=4, jobs=(), hosts=1, **configuration):
    answers = {
        "/overview": {"flink-version": version, "slots-total": slots, "taskmanagers": hosts},
        "/jobmanager/config": [{"key": k, "value": v} for k, v in configuration.items()],
        "/jobs/overview": {"jobs": list(jobs)},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(answers[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PATCH(self):
            for job in jobs:
                if self.path == f"/jobs/{job['jid']}?mode=cancel":
                    job["state"] = "CANCELED"
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"--flink-master=127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


POOL = ["--environment-type=EXTERNAL", "--environment-config=127.0.0.1:50000"]
KEPT = {"state.checkpoints.dir": "gs://bucket/checkpoints"}


def test_a_cluster_of_flink_gets_the_job_server_of_its_version():
    with flink_that_says("1.20.1", **KEPT) as master:
        defaults = flink_defaults(Arguments.of([*JOB, master, *POOL]))
    assert "--flink-version=1.20" in defaults


def job_name(arguments):
    return next(each for each in arguments if each.startswith("--job-name=")).partition("=")[2]


def test_a_supervised_job_first_ends_what_still_runs_of_its_own_run(tmp_path):
    supervised = [f"--checkpoints={tmp_path.as_uri()}", "--supervised", "--run=a"]
    mine = job_name(embedded(*supervised))
    others = job_name(embedded(*supervised[:2], "--run=b"))
    jobs = [{"jid": n, "name": n, "state": "RUNNING"} for n in (mine, others)]
    with flink_that_says("1.19.3", jobs=jobs) as master:
        chosen = flink_defaults(Arguments.of([*JOB, master, *POOL, *supervised, JAVA]))
    assert job_name(chosen) == mine
    assert [each["state"] for each in jobs] == ["CANCELED", "RUNNING"]


def test_two_stages_of_a_run_are_two_jobs_to_whoever_supervises_them(tmp_path):
    supervised = [f"--checkpoints={tmp_path.as_uri()}", "--supervised"]
    names = {job_name(embedded(*supervised, f"--stages={s}")) for s in ("screen", "judge")}
    assert len(names) == 2


def test_an_adaptive_scheduler_takes_a_job_with_fewer_slots_than_it_could_use():
    adaptive = KEPT | {"jobmanager.scheduler": "adaptive"}
    with flink_that_says("1.19.3", **adaptive) as master:
        flink_defaults(Arguments.of([*JOB, master, *POOL, JAVA, "--parallelism=9"]))


@pytest.mark.parametrize(
    ("hosts", "given", "said"),
    [
        (2, ["--checkpoints=file:///kept", "--screen=/own"], ["--checkpoints and --screen name"]),
        (2, ["--shadow-screen=own"], ["--shadow-screen name folders"]),
        (2, ["--environment-config=worker-1:50000"], ["config is worker-1:50000"]),
        (1, ["--checkpoints=file:///kept", "--environment-config=worker-1:50000"], []),
        (2, ["--checkpoints=gs://bucket/kept", "--screen=starter"], []),
    ],
)
def test_what_several_hosts_have_to_have_each_is_said(hosts, given, said, capsys):
    with flink_that_says("1.19.3", hosts=hosts, **KEPT) as master:
        flink_defaults(Arguments.of([*JOB, master, *POOL, JAVA, *given]))
    lines = [each for each in capsys.readouterr().err.splitlines() if "task managers" in each]
    assert len(lines) == len(said)
    assert all(words in line for words, line in zip(said, lines, strict=True))


@pytest.mark.parametrize(
    ("version", "configuration", "given", "said"),
    [
        ("1.17.2", KEPT, POOL, "is Flink 1.17.2"),
        ("1.19.3", KEPT, [], "--environment-type"),
        ("1.19.3", KEPT, POOL[:1], "worker pool"),
        ("1.19.3", {}, POOL, "checkpoints in memory"),
        ("1.19.3", KEPT, [*POOL, "--parallelism=9"], "has 4 slots"),
        ("1.19.3", KEPT, [*POOL, "--supervised"], "--supervised needs the --checkpoints"),
    ],
)
def test_a_cluster_that_cannot_run_the_job_is_refused(version, configuration, given, said):
    with (
        flink_that_says(version, **configuration) as master,
        pytest.raises(OptionError, match=said),
    ):
        job_options([*JOB, "--runner=flink", master, *given])
