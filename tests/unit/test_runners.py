"""From the name of a runner to options that are right for it, or to one sentence."""

import os
import sys
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PortableOptions,
    PrismRunnerOptions,
    StandardOptions,
)

from weir.infra.local.downloads import FLINK_BEAM_VERSION, FLINK_VERSION
from weir.pipelines.errors import OptionError
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.runner_name import runner_class
from weir.pipelines.runners import IN_PROCESS, job_options, ports, runs_in_process
from weir.pipelines.runners.flink import FlinkJobOptions, flink_defaults, require_flinks_options

JOB = ["--brokers=kafka.example:9092", "--topics=posts", "--bigquery-project=p"]
PRISM = f"--prism-location={sys.executable}"  # any program: none of them is started
JAVA = f"--job-server-java-launcher={sys.executable}"


@pytest.mark.parametrize("name", ["prism", "Prism", "PRISM", "prismrunner", "PrismRunner"])
def test_a_runner_goes_by_its_short_name_or_by_beams_in_any_case(name):
    assert runner_class(name) == "PrismRunner"


def test_without_a_runner_the_job_runs_in_this_process():
    options = job_options(JOB)
    assert options.view_as(StandardOptions).runner == IN_PROCESS
    assert runs_in_process(options)


def test_a_runner_of_ones_own_is_named_by_its_path():
    assert runner_class("my.own.Runner") == "my.own.Runner"


@pytest.mark.parametrize(
    ("name", "said"), [("flnik", "did you mean flink"), ("storm", "there are direct")]
)
def test_an_unknown_runner_is_refused_with_a_way_out(name, said):
    with pytest.raises(OptionError, match=said):
        job_options([*JOB, f"--runner={name}"])


def test_prism_streams_in_this_process_and_does_not_time_out():
    options = job_options([*JOB, "--runner", "prism", PRISM])
    portable = options.view_as(PortableOptions)
    assert options.view_as(StandardOptions).streaming
    assert portable.environment_type == "LOOPBACK"
    assert portable.job_server_timeout == 31_536_000


def test_what_beam_starts_is_kept_on_loopback():
    options = job_options([*JOB, "--runner=prism", PRISM])
    started = Path(options.view_as(PrismRunnerOptions).prism_location).read_text()
    assert "loopback.py" in started
    assert sys.executable in started


def test_a_runner_named_by_its_path_is_kept_on_loopback_too():
    assert runner_class("apache_beam.runners.portability.prism_runner.PrismRunner") == "PrismRunner"


def test_a_runner_of_beams_that_fetches_another_is_refused_by_its_path_too():
    path = "apache_beam.runners.direct.direct_runner.SwitchingDirectRunner"
    with pytest.raises(OptionError, match="unknown"):
        job_options([*JOB, f"--runner={path}"])


@pytest.mark.parametrize(
    "option", ["--prism-location=https://example.com/prism", "--prism-location=/nowhere/prism"]
)
def test_a_program_that_beam_would_fetch_is_refused(option):
    with pytest.raises(OptionError, match="no program of this machine"):
        job_options([*JOB, "--runner=prism", option])


def test_servers_that_would_be_open_are_refused_unless_one_says_so(monkeypatch):
    monkeypatch.setattr(ports, "is_possible", lambda: False)
    monkeypatch.setattr(ports, "is_isolated", lambda: False)
    with pytest.raises(OptionError, match="--open-ports"):
        job_options([*JOB, "--runner=prism", PRISM])
    assert job_options([*JOB, "--runner=prism", PRISM, "--open-ports"])


def test_what_a_person_says_overrules_what_is_set():
    options = job_options([*JOB, "--runner=prism", PRISM, "--job-server-timeout=60"])
    assert options.view_as(PortableOptions).job_server_timeout == 60


def test_an_option_may_be_written_with_dashes_and_its_value_is_left_alone():
    options = job_options([*JOB, PRISM, "--job-name=a-b", "--job-server-timeout", "7"])
    assert options.get_all_options()["job_name"] == "a-b"
    assert options.view_as(PortableOptions).job_server_timeout == 7


def test_prism_that_is_nowhere_and_cannot_be_built_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    with pytest.raises(OptionError, match="--prism-location"):
        job_options([*JOB, "--runner=prism"])


def test_flink_is_always_told_to_finish_bundles_before_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    given = [JAVA, "--flink-job-server-jar=flink.jar"]
    options = job_options([*JOB, "--runner=flink", *given])
    flink = options.view_as(FlinkJobOptions)
    assert flink.finish_bundle_before_checkpointing
    assert flink.checkpointing_interval == 2000
    assert flink.externalized_checkpoints_enabled
    assert flink.retain_externalized_checkpoints_on_cancellation
    assert flink.state_backend_storage_path.startswith("file:///")
    assert options.view_as(FlinkRunnerOptions).flink_master == "[local]"


def on_flink(*given):
    arguments = Arguments.of([*JOB, *given])
    require_flinks_options(arguments)
    return flink_defaults(arguments)


def embedded(*given):
    return on_flink(JAVA, *given)


def test_an_address_where_no_flink_is_is_refused():
    with pytest.raises(OptionError, match="no Flink answers"):
        on_flink("--flink-master=127.0.0.1:1", "--environment-type=LOOPBACK")


@pytest.fixture
def old_job_server(monkeypatch, tmp_path):
    monkeypatch.setenv("WEIR_CACHE", str(tmp_path))
    jar = tmp_path / f"flink-{FLINK_VERSION}-beam-{FLINK_BEAM_VERSION}" / "flink-job-server.jar"
    jar.parent.mkdir()
    jar.touch()


@pytest.mark.usefixtures("old_job_server")
@pytest.mark.parametrize(("given", "groups"), [((), 4), (("--parallelism=6",), 6)])
def test_a_job_server_that_leaks_by_key_group_gets_few_of_them(given, groups):
    assert f"--max-parallelism={groups}" in embedded(*given)


@pytest.mark.usefixtures("old_job_server")
def test_a_job_without_an_end_is_told_of_a_job_server_that_leaks(capsys):
    embedded()
    assert "give --flink-job-server-jar of 2.76 or later" in capsys.readouterr().err
    embedded("--stop=latest")
    assert not capsys.readouterr().err


@pytest.mark.usefixtures("old_job_server")
def test_a_job_that_resumes_keeps_the_key_groups_that_it_had(tmp_path):
    (tmp_path / "live" / "chk-1").mkdir(parents=True)
    (tmp_path / "live" / "chk-1" / "_metadata").touch()
    chosen = embedded(f"--checkpoints={tmp_path.as_uri()}", "--resume")
    assert not [each for each in chosen if each.startswith("--max-parallelism")]


@pytest.mark.parametrize("option", ["--resume", "--checkpoints=file:///tmp/x"])
@pytest.mark.parametrize("runner", ["", "prism"])
def test_what_only_flink_has_is_refused_elsewhere(option, runner):
    with pytest.raises(OptionError, match="--run"):
        job_options([*JOB, f"--runner={runner}", PRISM, option])


def test_another_job_server_has_flinks_own_number_of_key_groups(capsys):
    chosen = embedded("--flink-job-server-jar=/opt/newer.jar")
    assert not [each for each in chosen if each.startswith("--max-parallelism")]
    assert not capsys.readouterr().err


def test_flink_resumes_from_the_newest_checkpoint_of_its_own_run(tmp_path):
    for run, number in (("a", 1), ("a", 2), ("b", 3)):
        folder = tmp_path / run / "0123" / f"chk-{number}"
        folder.mkdir(parents=True)
        (folder / "_metadata").touch()
        os.utime(folder / "_metadata", (number, number))
    chosen = embedded(f"--checkpoints={tmp_path.as_uri()}", "--run=a", "--resume")
    assert f"--savepoint-path={(tmp_path / 'a' / '0123' / 'chk-2').as_uri()}" in chosen


def test_a_run_without_a_checkpoint_cannot_be_resumed(tmp_path):
    with pytest.raises(OptionError, match="no checkpoint"):
        embedded(f"--checkpoints={tmp_path.as_uri()}", "--resume")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--finish-bundle-before-checkpointing=true", "takes no value"),
        ("--checkpointing-interval=0", "above 0"),
        ("--checkpointing-interval=-1", "above 0"),
        ("--flink-master=flink:port", "no address"),
    ],
)
def test_what_would_hang_or_lose_on_flink_is_refused(given, said):
    with pytest.raises(OptionError, match=said):
        on_flink(JAVA, given)
