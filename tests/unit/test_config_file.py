"""A job kept as a file: what it may say, what is refused at which line, and who wins."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from weir.pipelines.commands.cli import app
from weir.pipelines.errors import OptionError
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import OPTIONS, JobOptions, read
from weir.pipelines.options.judging import OF_ENGINE
from weir.pipelines.options.schema import schema

FILE = """# what moderates our posts
brokers: kafka-1:9092
topics: [posts, comments]
bigquery-project: my-project
budget-per-head: off
accept-loss: true
beam:
  parallelism: 4
  experiments: [a, b]
  streaming: true
"""
PUBLISHED = Path(__file__).parents[2] / "docs" / "job.schema.json"


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text(FILE, "utf-8")
    return str(path)


def said(*argv):
    return JobOptions.of(read(Arguments.of(argv).with_file().argv)[0])


def refusal(content):
    with pytest.raises(OptionError) as refused:
        ConfigFile.parse(content if isinstance(content, bytes) else content.encode(), "job.yaml")
    return str(refused.value)


def test_a_file_says_what_a_command_line_says(job):
    flags = ["--brokers=kafka-1:9092", "--topics=posts,comments", "--bigquery-project=my-project"]
    assert said(f"--config={job}") == said(*flags, "--budget-per-head=off", "--accept-loss")


def test_options_of_beam_stand_below_a_key_of_their_own(job):
    argv = Arguments.of(["--config", job]).with_file().for_beam
    assert [each for each in argv if each not in read(argv)[0]][-4:] == [
        "--parallelism=4",
        "--experiments=a",
        "--experiments=b",
        "--streaming",
    ]


def test_the_command_line_wins(job):
    found = said("--config", job, "--topics=others", "--no-accept-loss")
    assert found.source.topics == ("others",)
    assert not found.source.accept_loss
    assert found.kafka.brokers == "kafka-1:9092"


@pytest.mark.parametrize("name", ["text-field", "context-field", "skip", "deleted-field"])
def test_it_wins_where_an_option_may_be_said_several_times(tmp_path, name):
    path = tmp_path / "job.yaml"
    path.write_text(f"{name}: a=1\n", "utf-8")
    argv = Arguments.of([f"--config={path}", f"--{name}=b=1", f"--{name}=c=1"]).with_file().argv
    assert read(argv)[0][name] == "b=1,c=1"


def test_it_wins_where_it_says_the_same_by_another_option(job):
    found = said("--config", job, "--requests-per-1000=300").shares
    assert (found.budget_per_head, found.requests_per_1000) == (None, 300)


def test_it_wins_where_it_names_another_engine(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("engine: endpoint\nendpoint-url: http://h/v1\n", "utf-8")
    assert said("--config", str(path), "--engine=exemplar").endpoint.endpoint_url is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("brokers: a:1\naudit-rat: 1\n", "job.yaml:2: 'audit-rat' is not an option: did you mean"),
        ("audit_rate: 1", "job.yaml:1: 'audit_rate' is not an option: did you mean audit-rate?"),
        ("run-name: x", "job.yaml:1: 'run-name' is not an option: did you mean run?"),
        ("zzz: 1", "weir run --help has the names, and those of Beam's stand below beam:"),
        ("a: 1\n\naudit-rate: 2\n", "job.yaml:1: 'a' is not an option"),
        ("audit-rate: 2", "job.yaml:1: audit-rate is 2.0; give a share from 0 to 1"),
        ("engine: oracle", "job.yaml:1: engine is 'oracle'; it is one of endpoint, exemplar, vllm"),
        ("accept-loss: perhaps", "job.yaml:1: accept-loss is 'perhaps'; give true or false"),
        ("brokers:", "job.yaml:1: brokers has no value; leave the line out"),
        ("brokers: null", "job.yaml:1: brokers has no value"),
        ('start: {"0": 12}', "job.yaml:1: start is no text; put it in 'quotes'"),
        ("topics: [[a]]", "job.yaml:1: topics is no text"),
        ("brokers: a\nbrokers: b", "job.yaml:2: the file has 'brokers' twice"),
        ("- brokers", "job.yaml:1: the file is no mapping"),
        ("", "job.yaml:1: the file is no mapping"),
        ("brokers: a: b: c", "job.yaml:1: the file is not YAML"),
        ("brokers: !!python/object/apply:os.system [x]", "job.yaml:1: brokers is no text"),
        ("topics: " + "[" * 500, "the file is not YAML"),
        (b"run: caf\xe9", "job.yaml:1: this is not UTF-8"),
        (r'run: "a\0b"', "job.yaml:1: run holds the character U+0000"),
        ("budget-per-head: 0.1\nrequests-per-1000: 30", "job.yaml: --budget-per-head and"),
        ("endpoint-url: http://h/v1", "job.yaml: --endpoint-url is for --engine=endpoint"),
        ("beam: 4", "job.yaml:1: beam is no mapping"),
        ("beam:\n  brokers: a", "job.yaml:2: brokers is none of Beam's; write it above"),
        ("beam:\n  job_name: a", "job.yaml:2: 'job_name' is no option; write its name with dashes"),
        ("beam:\n  s3-secret-access-key: x", "job.yaml:2: 's3-secret-access-key' looks like a"),
        ("beam:\n  a: [b, [c]]", "job.yaml:2: a is no text"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_line(content, message):
    assert message in refusal(content)


@pytest.mark.parametrize(
    ("content", "variable"),
    [
        ("sasl-password: hunter2", "WEIR_KAFKA_SASL_PASSWORD"),
        ("kafka_password: hunter2", "WEIR_KAFKA_SASL_PASSWORD"),
        ("endpoint-key: hunter2", "WEIR_ENDPOINT_KEY"),
        ("openai_api_key: hunter2", "WEIR_ENDPOINT_KEY"),
        ("pseudonym-key: hunter2", "WEIR_PSEUDONYM_KEY"),
    ],
)
def test_a_secret_is_refused_with_the_place_that_it_belongs_to(content, variable):
    message = refusal(content)
    assert "looks like a secret" in message
    assert f"${variable}" in message
    assert "hunter2" not in message


def test_a_login_in_an_address_is_refused_and_not_repeated():
    message = refusal("endpoint-url: http://weir:hunter2@h/v1\nengine: endpoint")
    assert "job.yaml:1: endpoint-url holds a user or a password" in message
    assert "hunter2" not in message


def test_options_that_only_sound_like_secrets_are_taken():
    content = b"engine: vllm\nreasoning-tokens: 512\nssl-keyfile: own.key\nsecurity-protocol: SSL\n"
    assert ConfigFile.parse(content, "job.yaml").texts["reasoning-tokens"] == "512"


def test_a_misspelt_option_is_not_taken_for_a_secret():
    assert "did you mean reasoning-tokens?" in refusal("reasoning-token: 5")


def test_a_file_elsewhere_is_refused():
    with pytest.raises(OptionError, match="copy it to this machine"):
        ConfigFile.read("gs://bucket/job.yaml")


@pytest.mark.parametrize("argv", [["--config"], ["--config="], ["--config=a", "--config=b"]])
def test_one_file_is_taken_and_no_more(argv):
    with pytest.raises(OptionError, match="--config takes one file"):
        Arguments.of(argv).with_file()


def test_a_switch_of_the_file_can_be_taken_back(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("resume: true\n", "utf-8")
    assert Arguments.of([f"--config={path}"]).with_file().has("--resume")
    assert not Arguments.of([f"--config={path}", "--no-resume"]).with_file().has("--resume")


def test_a_pipe_and_a_file_that_is_too_large_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"# " + b"x" * (300 << 10))
    for name, why in (("pipe", "no regular file"), ("large", "larger than 256 KiB"), ("no", "No")):
        with pytest.raises(OptionError, match=f"--config .*{name} cannot be read .*{why}"):
            ConfigFile.read(str(tmp_path / name))


def test_words_mean_what_they_say():
    # YAML 1.1 would make true and false of them, and a number of the other.
    found = ConfigFile.parse(b"reading: off\ngroup: no\nrun: 2026-11\n", "job.yaml").texts
    assert found == {"reading": "off", "group": "no", "run": "2026-11"}


def values(option):
    """Return values that a document may give an option, right ones and wrong ones."""
    right = [st.sampled_from(option.words)] if option.words else []
    anything = [st.booleans(), st.integers(-3, 70_000), st.floats(-2, 2), st.just("x"), st.just("")]
    return st.one_of(*right, *anything, st.lists(st.sampled_from(["a", "b,c", ""]), max_size=2))


LONE = [each for each in OPTIONS.values() if each.name not in ("run", "bigquery-rest")]


VALIDATOR = jsonschema.Draft202012Validator(schema())


@settings(max_examples=60)
@given(st.sampled_from(LONE).flatmap(lambda o: st.tuples(st.just(o.name), values(o))))
def test_what_the_schema_takes_a_file_may_say(pair):
    document = dict([pair])
    for engine, options in OF_ENGINE.items():
        if pair[0] in [each.name for each in options]:
            document["engine"] = engine
    if pair[0] == "bigquery-grpc":
        document["bigquery-rest"] = "http://h:1"
    if VALIDATOR.is_valid(document):
        ConfigFile.parse(json.dumps(document).encode(), "job.yaml")


@pytest.mark.parametrize(
    "document", [{"nothing": 1}, {"audit-rate": 2}, {"engine": "oracle"}, {"cache-mb": -1}]
)
def test_what_a_file_may_not_say_the_schema_refuses(document):
    assert not VALIDATOR.is_valid(document)


def test_the_schema_is_itself_in_order_and_takes_the_example():
    VALIDATOR.check_schema(VALIDATOR.schema)
    VALIDATOR.validate(yaml.safe_load(FILE.replace("off", "'off'")))


def test_the_published_schema_is_that_of_the_program():
    assert json.loads(PUBLISHED.read_text("utf-8")) == schema(), "run make help-texts"


def weir(*words):
    return CliRunner().invoke(app, ["config", *words])


def test_check_says_that_a_file_is_right_or_where_it_is_not(job, tmp_path):
    assert "8 options, and nothing wrong" in weir("check", job).output
    (tmp_path / "other.yaml").write_text("audit-rate: 2\n")
    ended = weir("check", str(tmp_path / "other.yaml"))
    assert (ended.exit_code, ended.stderr.count("\n")) == (2, 1)
    assert "other.yaml:1: audit-rate is 2.0" in ended.stderr


def test_the_schema_is_printed():
    assert json.loads(weir("schema").output) == schema()


def test_show_says_what_would_run_and_where_each_value_comes_from(job):
    shown = json.loads(weir("show", "--json", "--config", job, "--run_name=nightly").output)
    options = shown["options"]
    assert options["run"] == {"value": "nightly", "from": "command line"}
    assert options["topics"] == {"value": ["posts", "comments"], "from": f"{job}:3"}
    assert options["audit-rate"] == {"value": 0.01, "from": "default"}
    assert shown["beam"]["parallelism"] == {"value": ["4"], "from": job}


def test_what_show_prints_is_a_file_that_says_the_same(job, tmp_path):
    argv = ["--config", job, '--run=it\'s: a "name"', "--budget-share=0.5"]
    again = tmp_path / "again.yaml"
    again.write_text(weir("show", *argv).output, "utf-8")
    assert said("--config", str(again)) == said(*argv)
    assert ConfigFile.read(str(again)).beam == ConfigFile.read(job).beam


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--topicc x", "--topicc is not an option: did you mean --topics?"),
        ("--paralelism 3", "--paralelism is not an option: did you mean --parallelism?"),
        ("--runner flink --paralelism 3", "did you mean --parallelism?"),
        ("--runner prism --colour red", "--colour is not an option: see weir run --help"),
        ("--parallelism few", "--parallelism: invalid int value: 'few': see weir run --help"),
        ("posts", "posts is not an option: see weir run --help"),
        ("--runner flnik", "--runner 'flnik' is unknown: did you mean flink?"),
    ],
)
def test_show_refuses_what_a_run_would_refuse(words, said):
    ended = weir("show", *words.split())
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("beam:\n  audit-ratee: 1\n", "--audit-ratee is not an option: did you mean --audit-rate?"),
        ("beam:\n  paralelism: 3\n", "did you mean --parallelism?"),
        ("runner: flnik\n", "did you mean flink?"),
    ],
)
def test_so_does_check(content, said, tmp_path):
    (tmp_path / "job.yaml").write_text(content)
    ended = weir("check", str(tmp_path / "job.yaml"))
    assert ended.exit_code == 2
    assert said in ended.stderr


def test_show_leaves_options_to_a_runner_that_alone_knows_them():
    assert "rocks-db: fast" in weir("show", "--runner=flink", "--rocks-db=fast").output


def test_show_leaves_secrets_out(monkeypatch):
    monkeypatch.setenv("WEIR_ENDPOINT_KEY", "hunter2")
    monkeypatch.setenv("WEIR_PSEUDONYM_KEY_FILE", "/run/key")
    words = ["--s3-secret-access-key=hunter3", "--metrics-host=http://u:hunter4@h"]
    for form in ([], ["--json"]):
        output = weir("show", *form, *words).output
        assert "hunter" not in output
        assert "in the file /run/key" in output


def test_a_run_refuses_a_wrong_file_before_anything_starts(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text("brokers: h:1\ntopic: posts\n")
    ended = CliRunner().invoke(app, ["run", "--config", str(path)])
    assert ended.exit_code == 2
    assert "job.yaml:2: 'topic' is not an option: did you mean topics?" in ended.stderr
