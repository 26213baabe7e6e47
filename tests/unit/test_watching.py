import io
import json
import logging
import os
import time
import urllib.request

import pytest
from rich.console import Console
from typer.testing import CliRunner

from weir.infra.local.children import free_ports
from weir.pipelines.commands.cli import app
from weir.pipelines.errors import OptionError
from weir.pipelines.monitoring import logs, status
from weir.pipelines.monitoring import prometheus as metrics
from weir.pipelines.monitoring.status import jobs_of_dataset, local_jobs, publish, status_of
from weir.pipelines.monitoring.status_view import status_view
from weir.pipelines.options.running import WatchOptions
from weir.transforms.process.live_numbers import LIVE, Live, Name

VERSIONS = {"policy spam": "8b3f94589abc0d13", "screen starter": "405fd3f835ebd10f"}


@pytest.fixture
def numbers():
    live = Live()
    live.add(Name("messages"), 120)
    live.add(Name("policy_violates", (("policy", "spam"),)), 3)
    live.set(Name("lag", (("topic", "posts"), ("partition", "0"))), 9)
    live.set(Name("judge_in_flight"), 4)
    live.observe(Name("latency_ms", (("route", "clear"),)), [30.0, 40.0, 700.0])
    return live.snapshot()


def test_the_status_holds_what_a_person_asks_for(numbers):
    told = status_of(numbers, "live", 100.0, 160.0, VERSIONS).to_json()
    assert told["counts"] == {"messages": 120}
    assert told["gauges"] == {"judge_in_flight": 4}
    assert (told["lag"], told["lag_total"]) == ({"posts[0]": 9}, 9)
    assert told["latency_ms"] == {"clear": {"count": 3.0, "p50": 50, "p99": 1000}}


def test_a_job_is_listed_while_it_runs_and_not_afterwards(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with publish("nightly", every_seconds=0.01, dataset="p.d"):
        while not local_jobs():
            pass
        (job,) = local_jobs()
        assert (job["run"], job["pid"]) == ("nightly", os.getpid())
        assert (jobs_of_dataset("p.d"), jobs_of_dataset("p.other")) == ([job], [])
    assert local_jobs() == []


def test_a_job_that_cannot_write_says_so_once_and_tries_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    in_the_way = status.folder() / f"{os.getpid()}.part"
    in_the_way.mkdir()  # as good as a full disk
    with publish("nightly", every_seconds=0.01):
        while not caplog.records:
            time.sleep(0.01)
        in_the_way.rmdir()
        while not local_jobs():
            time.sleep(0.01)
    (said,) = caplog.records
    assert "cannot show this job" in said.getMessage()


@pytest.mark.parametrize(("age", "stale"), [(3, 0), (312, 312)])
def test_numbers_that_are_not_written_any_more_are_said_to_be_old(
    tmp_path, monkeypatch, numbers, age, stale
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    job = status_of(numbers, "nightly", 1.0, 1000.0, VERSIONS).to_json()
    (status.folder() / f"{os.getpid()}.json").write_text(json.dumps(job))
    (listed,) = local_jobs(now=lambda: 1000.0 + age)
    assert listed["stale_seconds"] == stale
    file = io.StringIO()
    console = Console(file=file, width=100)
    console.print(status_view([listed]))
    assert ("OLD NUMBERS" in file.getvalue()) == bool(stale)


@pytest.mark.parametrize("options", [[], ["--once"]])
def test_without_a_terminal_the_status_is_a_whole_line_and_ends(tmp_path, monkeypatch, options):
    def wait(_):
        raise AssertionError("it waits, though nobody can see what it would draw")

    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(time, "sleep", wait)
    result = CliRunner().invoke(app, ["status", *options])
    assert result.exit_code == 0
    assert result.output == "no job runs on this machine, in process or on Prism\n"


def test_what_a_killed_job_left_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    left = status.folder() / "4194305.json"  # above the highest process number of Linux
    left.write_text("{}")
    assert local_jobs() == []
    assert not left.exists()


def test_the_view_shows_counts_lag_and_latency(numbers):
    file = io.StringIO()
    console = Console(file=file, width=100)
    console.print(status_view([status_of(numbers, "[live]", 100.0, 160.0, VERSIONS).to_json()]))
    shown = file.getvalue()
    for what in ("[live]", "120", "2.0", "posts[0]", "50 ms / 1 s", "judge in flight"):
        assert what in shown


def shown(status):
    file = io.StringIO()
    console = Console(file=file, width=80)
    console.print(status_view([status.to_json()]))
    return file.getvalue()


def test_the_versions_in_force_are_listed_and_can_be_copied(numbers):
    said = shown(status_of(numbers, "live", 100.0, 160.0, VERSIONS)).split()
    assert {"8b3f94589abc0d13", "405fd3f835ebd10f"} <= set(said)


def test_a_time_beyond_what_is_measured_is_said_to_be_over_it_and_is_json():
    live = Live()
    live.observe(Name("latency_ms", (("route", "clear"),)), [30.0, 9e9])
    status = status_of(live.snapshot(), "old posts", 100.0, 160.0, {})
    assert "50 ms / over 500 s" in shown(status)
    assert (
        json.loads(json.dumps(status.to_json(), allow_nan=False))["latency_ms"]["clear"]["p99"]
        is None
    )


def test_prometheus_reads_the_numbers_on_loopback():
    (port,) = free_ports(1)
    LIVE.clear()
    LIVE.add(Name("policy_violates", (("policy", "spam"),)), 3)
    LIVE.observe(Name("latency_ms", (("route", "clear"),)), [30.0, 700.0])
    with (
        metrics.serve("127.0.0.1", port),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        lines = answer.read().decode().splitlines()
    LIVE.clear()
    assert 'weir_policy_violates_total{policy="spam"} 3.0' in lines
    assert 'weir_latency_seconds_bucket{le="0.05",route="clear"} 1.0' in lines
    assert 'weir_latency_seconds_bucket{le="+Inf",route="clear"} 2.0' in lines
    assert 'weir_latency_seconds_sum{route="clear"} 0.73' in lines


def test_a_port_that_is_none_is_refused():
    with pytest.raises(OptionError, match="--metrics-port is 70000; give a port from 1 to 65535"):
        WatchOptions(metrics_port=70_000)
    assert WatchOptions().metrics_port is None


def test_a_log_line_in_json_says_what_failed_without_the_errors_own_words():
    error = ValueError("words of a post")
    record = logging.LogRecord(
        "weir", logging.WARNING, "f.py", 1, "%s failed", ("decode",), (ValueError, error, None)
    )
    line = logs._Json().format(record)
    said = json.loads(line)
    assert (said["level"], said["message"]) == ("WARNING", "decode failed")
    assert said["error"] == "builtins.ValueError"
    assert "words of a post" not in line
