import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from subprocess import run

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from weir.infra.local.children import free_ports
from weir.pipelines.errors import NotStoppedError
from weir.pipelines.runners import cancel_of


class Flink:
    """A cluster that runs one job until it is cancelled, or until its savepoint is made."""

    def __init__(self, operation):
        self.operation, self.looks = operation, 0
        self.state, self.asked, self.body = "RUNNING", [], None

    def answer(self, method, path, body):
        self.asked.append(method)
        match method, path:
            case "GET", "/jobs/overview":
                job = {"jid": "1a", "name": "weir-1", "state": self.state}
                return {"jobs": [job, job | {"jid": "2b", "name": "another's"}]}
            case "POST", "/jobs/1a/savepoints":
                self.body = json.loads(body)
                return {"request-id": "7"}
            case "GET", "/jobs/1a/savepoints/7":
                self.looks += 1
                if self.looks == 1:
                    return {"status": {"id": "IN_PROGRESS"}}
                if "location" in self.operation:
                    self.state = "CANCELED"
                return {"status": {"id": "COMPLETED"}, "operation": self.operation}
            case "PATCH", "/jobs/1a?mode=cancel":
                self.state = "CANCELED"
                return {}


class Result:
    cancelled = False

    def cancel(self):
        self.cancelled = True


@pytest.fixture
def stopped(capsys):
    """Return a function that stops a job, with what the cluster was asked and what was said."""

    def stop(operation, *given, seconds=10):
        flink, result = Flink(operation), Result()

        class Handler(BaseHTTPRequestHandler):
            def respond(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = json.dumps(flink.answer(self.command, self.path, body)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def do_GET(self):
                self.respond()

            def do_POST(self):
                self.respond()

            def do_PATCH(self):
                self.respond()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        master = f"--flink_master=127.0.0.1:{server.server_port}"
        try:
            options = ["--runner=FlinkRunner", master, "--job_name=weir-1", *given]
            cancel_of(PipelineOptions(options), seconds)(result)
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
        assert (flink.state, result.cancelled) == ("CANCELED", True)
        return flink, capsys.readouterr().err

    return stop


FOLDER = "--state_backend_storage_path=s3://bucket/weir/live"


def test_a_job_that_is_told_to_stop_leaves_a_savepoint_where_resume_looks(stopped):
    flink, said = stopped({"location": "s3://bucket/weir/live/savepoints/s-1"}, FOLDER)
    assert flink.body == {
        "cancel-job": True,
        "target-directory": "s3://bucket/weir/live/savepoints",
    }
    assert said == (
        "weir: stopped with the savepoint s3://bucket/weir/live/savepoints/s-1; "
        "--resume goes on from it\n"
    )


def test_a_job_stops_also_where_no_savepoint_can_be_made(stopped):
    flink, said = stopped({"failure-cause": {"class": "IOException"}}, FOLDER)
    assert "PATCH" in flink.asked
    assert "stopped without a savepoint" in said
    assert "--resume goes on from the last checkpoint" in said


def test_a_job_whose_checkpoints_are_the_clusters_own_is_only_stopped(stopped):
    flink, said = stopped({})
    assert "POST" not in flink.asked
    assert not said


def test_a_savepoint_that_takes_longer_than_a_job_may_is_not_waited_for(stopped):
    flink, said = stopped({"location": "s3://bucket/s-1"}, FOLDER, seconds=0)
    assert "PATCH" in flink.asked
    assert "stopped without a savepoint (none after 0 s)" in said


def test_a_cluster_that_does_not_answer_may_still_run_the_job(capsys):
    (port,) = free_ports(1)
    options = ["--runner=FlinkRunner", f"--flink_master=127.0.0.1:{port}", "--job_name=weir-1"]
    with pytest.raises(NotStoppedError, match="weir-1 may still run"):
        cancel_of(PipelineOptions([*options, FOLDER]), 10)(Result())
    assert not capsys.readouterr().err


def test_any_second_signal_ends_the_process():
    job = run([sys.executable, "-c", _STOPPED_TWICE], capture_output=True, timeout=240)
    assert job.returncode == -signal.SIGINT, job.stderr.decode()


_STOPPED_TWICE = """
import os, signal, threading, time
from weir.pipelines.runners import wait

class Result:
    def wait_until_finish(self):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        time.sleep(600)

def cancel(result):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(600)

signal.signal(signal.SIGINT, signal.SIG_DFL)
wait(Result(), cancel)
"""
