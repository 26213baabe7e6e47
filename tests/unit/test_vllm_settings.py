"""Settings of the vLLM engine: what a card gets, what can be set, and what is refused."""

import pytest

from weir.pipelines.errors import OptionError
from weir.pipelines.options.job import JobOptions, read
from weir.pipelines.settings.engines import engine_factory
from weir.policies.policy import PolicySet
from weir.transforms.judge.vllm.settings import MODEL_20B, MODEL_120B, VllmSettings


@pytest.mark.parametrize(
    ("reported_gb", "row"),
    [(15.8, 16), (24.1, 24), (42.4, 40), (85.0, 80), (150.0, 80)],  # as drivers report them
)
def test_a_card_gets_the_settings_of_the_largest_row_that_it_holds(reported_gb, row):
    found, named = VllmSettings().for_card(reported_gb), VllmSettings(gpu_memory_gb=row)
    assert found == VllmSettings(
        **{**vars(named.for_card(1.0)), "gpu_memory_gb": None},
    )


def test_a_larger_card_never_does_less_at_once():
    batches = [VllmSettings().for_card(size).max_num_seqs for size in (16, 24, 40, 80)]
    assert batches == sorted(set(batches))


def test_what_is_set_stands_whatever_the_card():
    settings = VllmSettings(max_num_seqs=7, gpu_memory_utilization=0.5).for_card(80)
    assert (settings.max_num_seqs, settings.gpu_memory_utilization) == (7, 0.5)
    assert settings.max_num_batched_tokens == 8192


@pytest.mark.parametrize(("model", "memory_gb"), [(MODEL_120B, 40.0), (MODEL_20B, 12.0)])
def test_a_model_that_does_not_fit_is_refused_before_it_is_loaded(model, memory_gb):
    with pytest.raises(ValueError, match="GB of GPU memory"):
        VllmSettings(model=model).for_card(memory_gb)


def test_a_model_may_be_spread_over_cards():
    assert VllmSettings(model=MODEL_120B, tensor_parallel_size=2).for_card(42.0).max_num_seqs


def test_the_bound_on_requests_is_the_smaller_of_the_batch_and_the_cache():
    settings = VllmSettings(max_num_seqs=100).for_card(80)
    assert 100 < settings.capacity(10_000_000) <= 150
    assert settings.capacity(20 * 1024) < 100


def test_settings_are_read_from_names_and_values():
    settings = VllmSettings.parse("max_num_seqs=32, enforce_eager=true,temperature=0.5", model="m")
    assert (settings.max_num_seqs, settings.enforce_eager, settings.temperature) == (32, True, 0.5)
    assert settings.model == "m"


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ("max_seqs=3", "max_num_seqs"),
        ("max_num_seqs", "NAME=VALUE"),
        ("max_num_seqs=many", "type int"),
        ("enforce_eager=1", "type bool"),
        ("max_num_seqs=0", "at least 1"),
        ("gpu_memory_utilization=95", "share"),
        ("max_model_len=4096", "needs? 9216"),
        ("hang_seconds=0", "above 0"),
        ("retries=-1", "0 or more"),
        ("temperature=3", "0 to 2"),
        ("model=", "empty"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(pairs, said):
    with pytest.raises(ValueError, match=said):
        VllmSettings.parse(pairs)


def factory(*arguments):
    said = JobOptions.of(read(arguments)[0])
    return engine_factory(said.judge, said.endpoint, PolicySet(()))


@pytest.mark.parametrize(
    ("flag", "said"),
    [("--gpu-memory=0", "gpu_memory_gb"), ("--engine-settings=max_seqs=3", "max_num_seqs")],
)
def test_a_wrong_option_is_named_before_anything_starts(flag, said):
    with pytest.raises(OptionError, match=said):
        factory("--engine=vllm", flag)


def test_options_choose_the_model_and_the_card():
    flags = ["--engine=vllm", f"--model={MODEL_120B}", "--gpu-memory=80", "--reasoning-tokens=512"]
    settings = factory(*flags).settings
    assert (settings.model, settings.gpu_memory_gb) == (MODEL_120B, 80)
    assert settings.reasoning_tokens == 512
