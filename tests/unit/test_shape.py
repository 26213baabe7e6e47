"""Which part of the graph the options name, and what is refused before anything starts."""

import shutil

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.pipelines.job.moderate import help_text
from weir.pipelines.settings import ModerationSettings
from weir.pipelines.settings.edits import Edits
from weir.pipelines.settings.shape import Stages
from weir.policies.loading import LIBRARY


def settings(*arguments):
    given = ["--brokers=h:1", "--bigquery-project=p", *arguments]
    return ModerationSettings.from_options(PipelineOptions(given))


def test_one_job_does_all_by_default():
    job = settings("--topics=posts", "--budget-per-head=off")
    assert job.stages is Stages.ALL
    assert job.topics_written == ("weir-dead-letters", "weir-flagged")


def test_what_a_surge_brings_beyond_its_bound_goes_to_the_deferred_topic():
    for stages in ("all", "screen"):
        assert "weir-deferred" in settings("--topics=posts", f"--stages={stages}").topics_written
    judging = settings("--stages=judge")
    assert "weir-deferred" not in judging.topics_written


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--budget-per-head=0.1", "--requests-per-1000=300"], "give one"),
        (["--budget-per-head=2"], "--budget-per-head is 2.0; give a share"),
        (["--budget-per-head=much"], "--budget-per-head is 'much'; give a share .*, or off"),
        (["--requests-per-1000=-1"], "--requests-per-1000 is -1"),
        (["--requests-per-1000=nan"], "--requests-per-1000 is nan"),
        (["--requests-per-1000=80"], "take all of the 80 requests"),
    ],
)
def test_a_budget_that_buys_nothing_is_refused(given, message):
    with pytest.raises(OptionError, match=message):
        settings("--topics=posts", *given)


def test_a_budget_adds_the_deferred_topic():
    job = settings("--topics=posts", "--budget-share=0.5", "--deferred-topic=later")
    assert job.topics_written == ("weir-dead-letters", "weir-flagged", "later")


def test_a_budget_for_policies_in_shadow_adds_it_too():
    job = settings("--topics=posts", "--shadow-budget-share=0.5")
    assert "weir-deferred" in job.topics_written
    assert not job.budget.limited


def test_a_job_without_an_end_reads_its_policies_again(tmp_path):
    shutil.copytree(LIBRARY / "spam", tmp_path / "spam")
    named = ["--topics=posts", f"--policies={tmp_path}"]
    assert settings(*named).edits == Edits(4.0, str(tmp_path))
    assert settings(*named, "--policy-seconds=0").edits.seconds == 0


def test_bounded_work_keeps_what_it_began_with(tmp_path):
    shutil.copytree(LIBRARY / "spam", tmp_path / "spam")
    named = ["--topics=posts", f"--policies={tmp_path}", "--stop=latest"]
    assert settings(*named).edits == Edits()


def test_what_ships_with_weir_is_not_read_again():
    edits = settings("--topics=posts").edits
    assert edits.policies is None
    assert edits.seconds_of_screen("starter") == 0


def test_a_job_that_screens_writes_escalations_and_asks_for_no_engine():
    job = settings("--topics=posts", "--stages=screen", "--budget-per-head=off")
    assert job.topics_written == ("weir-dead-letters", "weir-escalations")
    with pytest.raises(RuntimeError, match="no engine"):
        job.engine()


def test_a_job_that_judges_reads_what_the_other_writes():
    assert settings("--stages=judge").topics == ("weir-escalations",)
    assert settings("--stages=judge", "--escalation-topic=e").topics == ("e",)
    assert settings("--stages=judge", "--topics=a,b").topics == ("a", "b")


@pytest.mark.parametrize("stages", [(), ("--stages=judge",)])
def test_what_was_deferred_is_judged_by_naming_it_as_the_source(stages):
    job = settings("--source=deferred", "--deferred-topic=later", *stages)
    assert (job.stages, job.topics) == (Stages.JUDGE, ("later",))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stages=screen"], "--topics is missing"),
        (["--source=deferred", "--topics=posts"], "leave --topics out"),
        (["--source=deferred", "--stages=screen"], "leave --stages=screen out"),
        (["--topics=weir-escalations"], "its own output"),
        (["--topics=weir-deferred"], "its own output"),
        (["--stages=judge", "--topics=weir-flagged"], "its own output"),
        (["--source=deferred", "--budget-share=0.5"], "--stop=latest"),
        (["--topics=posts", "--budget-share=2"], "--budget-share is 2"),
        (["--topics=posts", "--budget-tokens-per-second=0"], "--budget-tokens-per-second is 0"),
        (["--topics=posts", "--cache-mb=-1"], "--cache-mb is -1"),
        (["--topics=posts", "--shadow-budget-share=2"], "--shadow-budget-share is 2"),
        (["--topics=posts", "--policy-seconds=0.1"], "--policy-seconds is 0.1"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(arguments, said):
    with pytest.raises(OptionError, match=said):
        settings(*arguments)


def test_a_bounded_job_may_defer_again_what_was_deferred():
    job = settings("--source=deferred", "--budget-share=0.5", "--stop=latest")
    assert "weir-deferred" in job.topics_written


def test_the_cache_is_64_megabytes_unless_it_is_said():
    assert settings("--topics=posts").said.spending.cache_bytes == 64 << 20
    assert settings("--topics=posts", "--cache-mb=0").said.spending.cache_bytes == 0


def test_the_help_names_both_shapes():
    text = help_text()
    assert "--source deferred" in text
    assert "--stages" in text


@pytest.mark.parametrize("alone", ["--bigquery-rest=http://127.0.0.1:9", "--bigquery-grpc=h:9"])
def test_an_emulator_for_a_half_of_the_work_is_refused(alone):
    with pytest.raises(OptionError, match="belong together"):
        settings("--topics=posts", alone)


def test_an_engine_that_lacks_what_it_needs_is_refused_before_the_job_starts(monkeypatch):
    monkeypatch.setattr(
        "weir.pipelines.settings.engines.find_spec", lambda name: None if name == "sklearn" else 1
    )
    with pytest.raises(OptionError, match="--engine=exemplar needs scikit-learn here"):
        settings("--topics=posts")
    assert settings("--topics=posts", "--stages=screen").stages is Stages.SCREEN


def test_a_port_that_would_show_nothing_is_refused():
    with pytest.raises(OptionError, match="--metrics-port serves what this process counts"):
        settings("--topics=posts", "--metrics-port=9000", "--runner=FlinkRunner")


def test_own_policies_beside_the_starter_screen_give_no_warning_of_its_heads(tmp_path, caplog):
    shutil.copytree(LIBRARY / "spam", tmp_path / "mine")
    document = tmp_path / "mine" / "policy.md"
    document.write_text(document.read_text("utf-8").replace("id: spam", "id: mine"), "utf-8")
    settings("--topics=posts", f"--policies={tmp_path}", "--reading=off")
    assert caplog.messages == []
