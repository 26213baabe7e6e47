"""A replay as a form asks for it, and the processes that the console keeps."""

import fcntl
import json
import shutil
from dataclasses import asdict, replace
from itertools import count

import pytest

from tests.unit.console.visits import page
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.runs import named, pages, processes
from weir.pipelines.console.runs.comparison import show_comparison
from weir.pipelines.console.runs.processes import FORECAST, Asked
from weir.pipelines.console.runs.replays import (
    arguments_of,
    defaults,
    deferred_arguments,
    with_draft,
)
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import RefusedError, Visit
from weir.pipelines.errors import OptionError
from weir.pipelines.monitoring import status
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.secret import Secret
from weir.transforms.write.bigquery.sink import BigQuerySettings

BIGQUERY = BigQuerySettings("p", "d", rest_endpoint="http://127.0.0.1:1")
SETUP = Setup(BIGQUERY, OnLoopback(), KafkaSettings("127.0.0.1:9"), topics=("posts",))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def said(**fields):
    return defaults(SETUP) | {"name": "mine"} | fields


def test_a_form_becomes_arguments_each_of_which_is_one():
    arguments = arguments_of(SETUP, said(sample="1%", escalated_by="live", accept_loss="yes"))
    assert arguments == (
        *("--bigquery-project=p", "--bigquery-dataset=d", "--bigquery-rest=http://127.0.0.1:1"),
        *("--brokers=127.0.0.1:9", "--security-protocol=PLAINTEXT"),
        *("--topics=posts", "--from=earliest", "--to=latest", "--run=mine", "--sample=1%"),
        *("--only-escalated", "--of=live", "--accept-loss", "--yes"),
    )


def test_an_unknown_run_is_replaced_where_it_is_named_as_a_run_alone(monkeypatch):
    monkeypatch.setattr(named, "run_names", lambda _: ["live"])
    monkeypatch.setattr(named, "_is_run", lambda *_: False)
    asked = Visit(SETUP, Person("ada", Role.READER), "/posts?run=spam&policy=spam&path=spam")
    with pytest.raises(RefusedError) as refused:
        named.require_run(asked, "spam")
    assert refused.value.ways == {"live": "/posts?run=live&policy=spam&path=spam"}


def test_what_waits_is_judged_by_a_job_that_ends_and_sends_where_the_live_one_does():
    setup = replace(SETUP, deferred_topic="d", flagged_topic="f", dead_letter_topic="x")
    arguments = deferred_arguments(setup)
    said = {"--source=deferred", "--stop=latest", "--deferred-topic=d", "--flagged-topic=f"}
    assert said | {"--dead-letter-topic=x", "--brokers=127.0.0.1:9"} <= set(arguments)


def test_what_is_typed_stays_the_value_of_its_own_option():
    hostile = "posts --engine=vllm; rm -rf /"
    assert f"--topics={hostile}" in arguments_of(SETUP, said(topics=hostile))


def test_a_password_is_no_argument(monkeypatch):
    monkeypatch.setenv("WEIR_KAFKA_SASL_PASSWORD", "hunter2")
    kafka = KafkaSettings(
        "127.0.0.1:9",
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="u",
        sasl_password=Secret("WEIR_KAFKA_SASL_PASSWORD"),
    )
    arguments = arguments_of(replace(SETUP, kafka=kafka), said())
    assert "--sasl-username=u" in arguments
    assert not any("hunter2" in each for each in arguments)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "--run is missing"),
        ({"name": "live"}, "--run live"),
        ({"name": "a/b"}, "--run"),
        ({"start": "yesterday"}, "--from"),
        ({"sample": "200%"}, "--sample"),
        ({"topics": ""}, "--topics is missing"),
        ({"policies": "a\0b"}, "no option takes"),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(fields, message):
    with pytest.raises((OptionError, RefusedError), match=message):
        arguments_of(SETUP, said(**fields))


def test_without_brokers_a_replay_says_what_is_missing():
    with pytest.raises(RefusedError, match="--brokers"):
        arguments_of(replace(SETUP, kafka=None), said())


def test_a_draft_is_in_force_in_a_copy_of_the_folder_alone(tmp_path):
    folder = tmp_path / "policies"
    shutil.copytree(LIBRARY / "spam", folder / "spam")
    text = (folder / "spam/policy.md").read_text("utf-8")
    (folder / "spam/policy.draft.md").write_text(text.replace("title: ", "title: New "), "utf-8")
    setup = replace(SETUP, policies=str(folder))
    copy = with_draft(setup, "spam", tmp_path / "copy")
    assert load_policies(copy).policies[0].title.startswith("New ")
    assert (folder / "spam/policy.md").read_text("utf-8") == text
    (folder / "spam/policy.draft.md").unlink()
    with pytest.raises(RefusedError, match="has no draft"):
        with_draft(setup, "spam", tmp_path / "copy")


def keep(name="mine", **files):
    """Write what a console keeps of a process."""
    folder = processes.folder_of(BIGQUERY, name)
    asked = Asked(name, FORECAST, ("--x",), {"name": name}, "ann", "2026-03-04T12:00:00+00:00")
    for file, text in ({"asked": json.dumps(asdict(asked))} | files).items():
        (folder / file).write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"code": "0"}, "The forecast is done"),
        ({"code": "2"}, "The forecast could not start"),
        ({}, "The forecast was killed"),
        ({"stopped": "bob", "code": "0"}, "The forecast was stopped by bob"),
    ],
)
def test_how_a_process_ended_is_told_by_what_it_left(files, state):
    keep(**files)
    assert processes.find(BIGQUERY, "mine").state == state


def test_a_process_runs_as_long_as_it_holds_its_lock_and_is_not_started_twice():
    folder = keep(pid="1")
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert processes.find(BIGQUERY, "mine").running
        with pytest.raises(RefusedError, match="runs already, started by ann"):
            processes.require_idle(BIGQUERY, "mine")
        kept = processes.find(BIGQUERY, "mine")
        with pytest.raises(RefusedError, match="runs already"):
            processes.start(BIGQUERY, kept.asked, {})
    assert not processes.find(BIGQUERY, "mine").running


def test_nothing_is_signalled_that_does_not_hold_the_lock(monkeypatch):
    keep(pid="1")
    signalled = []
    monkeypatch.setattr("os.kill", lambda *given: signalled.append(given))
    with pytest.raises(RefusedError, match="No process of mine runs"):
        processes.stop(BIGQUERY, "mine", "bob")
    assert signalled == []


def test_of_a_long_output_the_end_is_shown():
    keep(output="\n".join(f"line {n}" for n in range(10_000)))
    lines = processes.find(BIGQUERY, "mine").lines
    assert lines[-1] == "line 9999"
    assert 1_000 < len(lines) < 10_000


def test_processes_of_another_dataset_are_not_among_them():
    keep()
    assert [each.asked.run for each in processes.all_of(BIGQUERY)] == ["mine"]
    assert processes.all_of(replace(BIGQUERY, dataset="other")) == []


@pytest.fixture
def here(monkeypatch):
    """Return a function that shows the jobs of this machine, which are other ages at each look."""

    def here(*jobs):
        numbers = {"pid": 7, "counts": {}, "lag_total": 0, "started": 0}
        ages = count(11)

        def read():
            return [numbers | {"stale_seconds": next(ages)} | job for job in jobs]

        monkeypatch.setattr(status, "local_jobs", read)
        monkeypatch.setattr(pages, "local_jobs", read)
        asked = Visit(SETUP, Person("ann", Role.READER), "/runs")
        return page(pages.show_here(asked), asked)

    return here


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_an_endpoint_of_this_machine_is_one_however_it_is_written(host):
    keep()
    here = replace(BIGQUERY, rest_endpoint=f"http://{host}:1/")
    assert here.place == BIGQUERY.place
    assert processes.find(here, "mine").asked.run == "mine"


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:2", "http://127.0.0.1", "http://h:1"])
def test_another_endpoint_is_another_place(endpoint):
    assert replace(BIGQUERY, rest_endpoint=endpoint).place != BIGQUERY.place


def test_jobs_of_other_datasets_are_listed_apart_and_say_whose_they_are(here):
    shown = here(
        {"run": "live", "dataset": BIGQUERY.place}, {"run": "theirs", "dataset": "p.other"}
    )
    ours, apart = shown.split("1 job of other datasets")
    assert "theirs" not in ours
    assert "theirs, process 7: its rows go to p.other" in apart


@pytest.mark.parametrize("said", [{"dataset": BIGQUERY.place}, {"dataset": ""}, {}])
def test_a_job_of_this_dataset_or_of_none_that_it_says_is_no_others(here, said):
    shown = here({"run": "live"} | said)
    assert "old numbers" in shown
    assert "of other datasets" not in shown
    assert "that write to this dataset" in shown
    assert ("does not say where its rows go" in shown) == (not said.get("dataset"))


@pytest.mark.parametrize("name", ["\x00", "a\nb", "..", "n" * 1000])
def test_what_can_be_no_runs_name_is_not_found_without_asking_bigquery(name):
    asked = Visit(SETUP, Person("ann", Role.READER), "/runs/x", {"run": name})
    with pytest.raises(RefusedError, match="no name of a run; /runs lists") as refused:
        pages.show_run(asked)
    assert refused.value.status == 404


def test_a_comparison_offers_the_runs_there_are_and_the_days_of_a_calendar():
    asked = Visit(SETUP, Person("ann", Role.READER), "/compare")
    html = page(show_comparison(asked), asked)
    assert html.count('list="runs"') == 2
    assert '<datalist id="runs" data-from="/run-parts/names">' in html
    assert html.count('type="date"') == 2


def test_a_time_of_a_comparison_stays_a_time():
    asked = Visit(
        SETUP, Person("ann", Role.READER), "/compare", query={"since": "2026-03-04T12:00"}
    )
    html = page(show_comparison(asked), asked)
    assert 'name="since" type="text" value="2026-03-04T12:00"' in html
