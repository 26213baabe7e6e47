"""What Dataflow needs and would refuse too late, and the graph that it gets."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions, StandardOptions
from apache_beam.portability.common_urns import resource_hints
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from apache_beam.transforms.environments import DockerEnvironment

from tests.unit.test_runners import JOB
from weir.pipelines.errors import OptionError
from weir.pipelines.job.graph import moderate
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.runners import job_options
from weir.pipelines.runners.dataflow import dataflow_defaults
from weir.pipelines.settings import ModerationSettings

CLOUD = ["--project=my-project", "--region=europe-west4", "--temp-location=gs://bucket/tmp"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (CLOUD[1:], "--project"),
        ([*CLOUD, "--project=123"], "no project id"),
        (CLOUD[:1] + CLOUD[2:], "--region"),
        (CLOUD[:2], "--temp-location"),
        ([*CLOUD, "--temp-location=/tmp/x"], "gs://"),
        ([*CLOUD, "--brokers=127.0.0.1:9092"], "cannot reach"),
        ([*CLOUD, "--bigquery-rest=http://localhost:9050"], "cannot reach"),
        ([*CLOUD, "--screen=my/screen"], "under gs://"),
        ([*CLOUD, "--engine=vllm"], "--sdk-container-image"),
        ([*CLOUD, "--author-field=author"], r"gs:// path of a file.*WEIR_PSEUDONYM_KEY_FILE"),
    ],
)
def test_what_dataflow_would_refuse_or_not_reach_is_refused_at_start(given, said):
    with pytest.raises(OptionError, match=said):
        job_options([*JOB, "--runner=dataflow", *given])


def test_a_checkout_ships_itself_to_dataflow():
    (setup,) = [d for d in dataflow_defaults(Arguments.of([*JOB, *CLOUD])) if "setup" in d]
    assert setup.endswith("setup.py")


VLLM = ["--engine=vllm", "--sdk-container-image=gcr.io/p/weir"]


def graph_for_dataflow(*given):
    arguments = Arguments.of([*JOB, *CLOUD, "--runner=DataflowRunner", *given])
    options = PipelineOptions(arguments.after(dataflow_defaults(arguments)).for_beam)
    pipeline = beam.Pipeline(runner=DataflowRunner(), options=options)
    moderate(pipeline, ModerationSettings.from_options(options))
    default = DockerEnvironment.from_container_image("gcr.io/p/weir")
    return options, pipeline.to_runner_api(default_environment=default).components


def hints_of(components, step):
    (transform,) = [t for t in components.transforms.values() if t.unique_name == step]
    return dict(components.environments[transform.environment_id].resource_hints)


def step_that_judges(components):
    (name,) = [
        t.unique_name
        for t in components.transforms.values()
        if t.unique_name.startswith("Judge/") and t.spec.urn == "beam:transform:pardo:v1"
    ]
    return name


def test_the_graph_for_dataflow_asks_for_a_card_for_the_judge_alone():
    options, components = graph_for_dataflow(*VLLM)
    judge = step_that_judges(components)
    assert hints_of(components, judge) == {
        resource_hints.ACCELERATOR.urn: b"type:nvidia-l4;count:1;install-nvidia-driver",
        resource_hints.MIN_RAM_BYTES.urn: b"24000000000",
    }
    others = [
        t.environment_id
        for t in components.transforms.values()
        if t.environment_id and not t.unique_name.startswith("Judge")
    ]
    assert others
    assert not any(components.environments[each].resource_hints for each in others)
    experiments = options.view_as(DebugOptions).experiments
    assert "enable_streaming_rightfitting" in experiments
    assert "no_use_multiple_sdk_containers" in experiments
    assert options.view_as(StandardOptions).streaming


def test_the_card_can_be_another_one():
    _, components = graph_for_dataflow(*VLLM, "--judge-accelerator=type:nvidia-a100-80gb;count:1")
    hints = hints_of(components, step_that_judges(components))
    assert hints[resource_hints.ACCELERATOR.urn] == b"type:nvidia-a100-80gb;count:1"


def test_a_judge_without_a_card_asks_for_none():
    _, components = graph_for_dataflow()
    assert hints_of(components, step_that_judges(components)) == {}


def test_a_memory_that_is_no_size_is_refused():
    with pytest.raises(OptionError, match="--judge-min-ram"):
        graph_for_dataflow("--judge-min-ram=much")
