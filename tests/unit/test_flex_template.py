"""The flex template of Dataflow: its parameters are Weir's options."""

import json
import os
import re
import runpy
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.pipelines.artefacts.flex_template import (
    FILE,
    FILES_OF_SECRETS,
    NOT_THERE,
    launcher_arguments,
    metadata,
    pattern,
    template_options,
)
from weir.pipelines.errors import OptionError
from weir.pipelines.options.job import OPTIONS
from weir.pipelines.options.option import text_of

ROOT = Path(__file__).parents[2]
PARAMETERS = {each["name"]: each for each in json.loads(metadata())["parameters"]}
NUMBERS = [each for each in template_options() if each.base in (int, float)]


def accepted(option, text):
    return re.fullmatch(pattern(option), text) is not None


def test_the_metadata_is_made_of_the_options_of_today():
    assert FILE.read_text("utf-8") == metadata()


def test_every_option_is_a_parameter_or_means_nothing_on_dataflow():
    names = {name.replace("-", "_") for name in OPTIONS.keys() - set(NOT_THERE)}
    assert set(PARAMETERS) == names | set(FILES_OF_SECRETS)
    assert set(NOT_THERE) <= set(OPTIONS)


def test_only_what_no_job_can_do_without_has_to_be_given():
    needed = {name for name, each in PARAMETERS.items() if not each["isOptional"]}
    assert needed == {"brokers", "bigquery_project"}


@pytest.mark.parametrize("option", template_options(), ids=lambda option: option.name)
def test_a_default_and_every_word_pass_the_check_of_their_parameter(option):
    for word in option.words:
        assert accepted(option, word)
    if option.default not in (None, "", (), False) and option.says.default is None:
        assert accepted(option, text_of(option.default))
    if option.words and option.base is None:
        assert not accepted(option, "nonsense")


@given(st.sampled_from(NUMBERS), st.one_of(st.floats(0, 1e6), st.integers(-5, 10_000)))
def test_a_number_that_weir_takes_passes_the_check_of_its_parameter(option, number):
    text = str(number)
    try:
        option.check(option.parse(text))
    except OptionError:
        return
    if option.base is float or text.lstrip("-").isdecimal():
        assert accepted(option, text) or "e" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("audit-rate", "1.5"),
        ("audit-rate", "-0.1"),
        ("budget-per-head", "of"),
        ("max-in-flight", "2.5"),
        ("judge-timeout", "ten"),
        ("provisional", "yes"),
        ("record-cleared", "1"),
        ("brokers", " "),
    ],
)
def test_a_value_that_weir_refuses_is_refused_before_a_worker_is_paid_for(name, text):
    assert not accepted(OPTIONS[name], text)


def test_a_switch_has_no_value_and_a_secret_is_named_by_its_file():
    given = [
        "--brokers=k:9092",
        "--provisional=true",
        "--accept_loss=false",
        "--kafka_password_file=gs://b/k",
        "--region=europe-west4",
    ]
    arguments, environment = launcher_arguments(given)
    assert arguments == ["--brokers=k:9092", "--provisional", "--region=europe-west4"]
    assert environment == {"WEIR_KAFKA_SASL_PASSWORD_FILE": "gs://b/k"}


def test_the_launcher_starts_the_job_with_the_parameters(monkeypatch):
    started = []

    def main(argv):
        started.append(argv)
        return 0

    monkeypatch.setattr("weir.pipelines.job.moderate.main", main)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(sys, "argv", ["launch.py", "--topics=posts", "--provisional=true"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "pipelines/artefacts/launch.py"), run_name="__main__")
    assert ended.value.code == 0
    assert started == [["--topics=posts", "--provisional"]]


def test_no_parameter_holds_a_secret():
    assert not [n for n in PARAMETERS if re.search(r"password|key|token$", n) and "file" not in n]
