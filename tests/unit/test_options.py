"""An option is said once, in a field of a dataclass, and everything else is made of that."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.pipelines.job.moderate import help_text
from weir.pipelines.options.beam import options_of
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.job import CONCERNS, OPTIONS, JobOptions, read
from weir.pipelines.options.judging import JudgeOptions, SpendingOptions
from weir.pipelines.options.option import between, option
from weir.pipelines.runners import job_options
from weir.transforms.decode import FORMATS, DecodeSettings
from weir.transforms.decode.envelopes import ENVELOPES
from weir.transforms.decode.settings import TOMBSTONES
from weir.transforms.judge.cache import DEFAULT_BYTES
from weir.transforms.judge.endpoint.settings import EndpointSettings, Form
from weir.transforms.judge.vllm.settings import VllmSettings
from weir.transforms.records import LARGEST_MESSAGE, Mode
from weir.transforms.screen import STARTER
from weir.transforms.write.redaction import StoreText

ROOT = Path(__file__).parents[2]
READ = {".py", ".md", ".sql", ".txt", ".html", ".j2"}


@dataclass(frozen=True)
class Weather(Concern, title="Weather"):
    """What a concern looks like."""

    rain: float = option(0.5, between(0, 1, "a share"), help="of the sky")
    wind: float | Literal["calm"] | None = option(None, name="wind-speed")
    places: tuple[str, ...] = option(())
    dark: bool = option(False)


def test_texts_become_values_of_the_fields_types():
    said = {"rain": "1", "wind-speed": "calm", "places": "here, there", "dark": "true"}
    assert Weather.of(said) == Weather(1.0, "calm", ("here", "there"), True)
    assert Weather.of({"wind-speed": "3.5"}).wind == 3.5
    assert Weather.of({}) == Weather()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"rain": "2"}, r"--rain is 2\.0; give a share from 0 to 1"),
        ({"rain": "much"}, "--rain is 'much'; give a share from 0 to 1"),
        ({"rain": "nan"}, "--rain is nan"),
        ({"wind-speed": "storm"}, "--wind-speed is 'storm'; give a number, or calm"),
        ({"dark": "perhaps"}, "--dark is 'perhaps'; give true or false"),
    ],
)
def test_a_text_that_means_no_value_is_refused_with_what_may_be_given(said, message):
    with pytest.raises(OptionError, match=message):
        Weather.of(said)


def test_a_value_that_is_not_allowed_cannot_be_made():
    with pytest.raises(OptionError, match="--rain is 7"):
        Weather(rain=7)
    with pytest.raises(OptionError, match="it is one of endpoint, exemplar, vllm"):
        JudgeOptions(engine="oracle")  # type: ignore[arg-type]  # what is tried


def test_each_option_stands_in_the_help_once_with_dashes():
    text = help_text()
    assert "_" not in "".join(each.flag for each in OPTIONS.values())
    for each in OPTIONS.values():
        assert text.count(f"\n  {each.flag} ") + text.count(f"\n  {each.flag}\n") == 1


@pytest.mark.parametrize(
    "flags",
    [
        ["--budget-per-head=off", "--run=nightly", "--accept-loss"],
        ["--budget_per_head", "off", "--run_name", "nightly", "--accept_loss"],
        ["--budget-per-head", "off", "--run-name=nightly", "--accept-loss"],
    ],
)
def test_underscores_and_old_names_say_the_same(flags):
    said = JobOptions.of(read(flags)[0])
    assert (said.shares.budget_per_head, said.deciding.run) == ("off", "nightly")
    assert said.source.accept_loss
    assert options_of(PipelineOptions(flags)) == said
    assert options_of(job_options(flags)).shares == said.shares


def test_the_last_of_two_that_contradict_each_other_holds():
    assert not JobOptions.of(read(["--accept-loss", "--no-accept-loss"])[0]).source.accept_loss


@pytest.mark.parametrize(
    "given",
    [
        ["--skip=kind=like", "--skip", "kind=follow", "--text-field=title,body"],
        ["--skip=kind=like,kind=follow", "--text_field=title", "--text-field=body"],
    ],
)
def test_what_may_be_given_several_times_is_taken_together(given):
    for said in (JobOptions.of(read(given)[0]), options_of(PipelineOptions(given))):
        assert said.decoding.skip == ("kind=like", "kind=follow")
        assert said.decoding.text_field == ("title", "body")


def test_options_that_beam_has_made_a_dictionary_of_are_the_same_again():
    flags = ["--run=nightly", "--audit-rate=0.5", "--provisional"]
    sent = PipelineOptions(flags).get_all_options(drop_default=True)
    assert options_of(PipelineOptions.from_dictionary(sent)) == options_of(PipelineOptions(flags))


def test_an_option_without_its_value_is_one_sentence():
    with pytest.raises(OptionError, match="--brokers: expected one argument"):
        read(["--brokers"])


def test_options_are_written_with_dashes_wherever_a_person_reads_of_them():
    # Beam's own programs and parsers know underscores alone.
    named = re.compile(r"(?<![\w-])--[a-z0-9]+(?:-[a-z0-9]+)*_[a-z]")
    files = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for folder in ("pipelines", "transforms", "policies", "infra/bigquery"):
        files += [file for file in (ROOT / folder).rglob("*") if file.suffix in READ]
    found = {str(file.relative_to(ROOT)): named.findall(file.read_text("utf-8")) for file in files}
    assert {file: names for file, names in found.items() if names} == {}


def test_no_two_options_have_one_name():
    names = [each.name for concern in CONCERNS for each in concern.options()]
    assert len(names) == len(set(names))


def test_words_and_bounds_are_those_of_the_steps_that_take_them():
    words = {name: OPTIONS[name].words for name in OPTIONS}
    assert set(words["mode"]) == {str(each) for each in Mode}
    assert set(words["store-text"]) == {str(each) for each in StoreText}
    assert set(words["endpoint-form"]) == {str(each) for each in Form}
    assert set(words["format"]) == set(FORMATS)
    assert set(words["envelope"]) == set(ENVELOPES)
    assert set(words["tombstones"]) == set(TOMBSTONES)
    assert OPTIONS["screen"].default == STARTER
    assert OPTIONS["max-post-bytes"].default == DecodeSettings().max_post_bytes
    assert OPTIONS["max-post-bytes"].schema()["maximum"] == LARGEST_MESSAGE
    assert SpendingOptions().cache_bytes == DEFAULT_BYTES
    usual = EndpointSettings("http://h/v1")
    assert OPTIONS["endpoint-retries"].default_said == str(usual.retries)
    assert OPTIONS["endpoint-answer-tokens"].default_said == str(usual.answer_tokens)
    assert OPTIONS["endpoint-timeout"].default_said.startswith(f"{usual.timeout:g}, ")
    assert OPTIONS["reasoning-tokens"].default_said == str(VllmSettings.reasoning_tokens)
