"""Who judges, and what it may cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from weir.pipelines.errors import OptionError
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.option import Allowed, Option, above, at_least, between, option, share

_MOST_MB = 1 << 20
_MEGABYTES = Allowed(
    "give megabytes, or 0 for none",
    lambda size: 0 <= size < _MOST_MB,
    {"minimum": 0, "exclusiveMaximum": _MOST_MB},
)


@dataclass(frozen=True)
class JudgeOptions(Concern, title="Judge"):
    """Which engine judges, and how much of it."""

    engine: Literal["endpoint", "exemplar", "vllm"] = option(
        "exemplar",
        help="vllm reasons on this worker's GPU; endpoint asks an OpenAI-compatible server; "
        "exemplar compares with labelled examples, a stand-in",
    )
    max_in_flight: int = option(
        4096,
        at_least(1),
        metavar="N",
        help="requests at the judge at once, at most; fewer where the engine holds fewer",
    )
    judge_timeout: float = option(
        600.0,
        above(0, "seconds"),
        metavar="S",
        help="seconds one request may take, a restart of its engine included",
    )
    model: str | None = option(
        None,
        metavar="M",
        help="vllm: a folder, a name on the Hugging Face hub, or an object-store prefix that "
        "is copied to each worker (default openai/gpt-oss-safeguard-20b; "
        "openai/gpt-oss-safeguard-120b needs an 80 GB card)",
    )
    reasoning_tokens: int | None = option(
        None,
        metavar="N",
        help="vllm: reasoning is ended there; a safety net, so lower a policy's effort instead",
        default_said="2048",
    )
    gpu_memory: int | None = option(
        None,
        metavar="GB",
        help="vllm: the card's memory, for which settings are chosen: 16, 24, 40 or 80",
        default_said="as the card says",
    )
    engine_settings: str | None = option(
        None,
        metavar="NAME=VALUE,...",
        help="vllm: settings that the card's own do not suit, such as max_num_seqs=32,"
        "max_model_len=12288; transforms/judge/vllm/settings.py lists them",
    )
    judge_reproducible: bool = option(
        False,
        help="vllm: the same tokens for a post alone and among any others, which weir appeal "
        "holds a verdict to; slower",
    )


@dataclass(frozen=True)
class EndpointOptions(
    Concern,
    title="Endpoint",
    about="An OpenAI-compatible server, for --engine=endpoint. Its key, where it wants one, is "
    "read from $WEIR_ENDPOINT_KEY, or the file in $WEIR_ENDPOINT_KEY_FILE, by each worker.",
):
    """Which server judges, and how it is used; None leaves a setting as it is."""

    endpoint_url: str | None = option(
        None, metavar="URL", help="up to /v1: http://127.0.0.1:11434/v1 for Ollama"
    )
    endpoint_model: str | None = option(
        None,
        metavar="M",
        help="as the server names it",
        default_said="the only one that it serves",
    )
    endpoint_form: Literal["auto", "chat", "tokens"] | None = option(
        None,
        help="chat, for servers with a template of their own; tokens, for vLLM with a gpt-oss "
        "model: no string in a post can pass for a control token",
        default_said="auto",
    )
    endpoint_concurrency: int | None = option(
        None,
        at_least(1),
        metavar="N",
        help="requests at once, of each worker",
        default_said="128 at vLLM, 8 elsewhere",
    )
    endpoint_timeout: float | None = option(
        None,
        above(0, "seconds"),
        metavar="S",
        help="seconds for one attempt",
        default_said="60, or more where the trial answer is slow",
    )
    endpoint_retries: int | None = option(
        None,
        at_least(0),
        metavar="N",
        help="of an attempt whose failure may be the request's own fault; a server that is down, "
        "or takes no more for now, is waited for up to --judge-timeout",
        default_said="8",
    )
    endpoint_answer_tokens: int | None = option(
        None,
        at_least(1),
        metavar="N",
        help="at which an answer is cut off, and indeterminate",
        default_said="4096",
    )

    @property
    def engine_fields(self) -> dict[str, str | int | float]:
        """Return what was said, by the names that the engine's settings have."""
        said = {o.field.removeprefix("endpoint_"): getattr(self, o.field) for o in self.options()}
        return {name: value for name, value in said.items() if value is not None}


OF_ENGINE: Mapping[str, tuple[Option, ...]] = {
    "endpoint": EndpointOptions.options(),
    "vllm": tuple(
        each
        for each in JudgeOptions.options()
        if each.field
        in ("model", "reasoning_tokens", "gpu_memory", "engine_settings", "judge_reproducible")
    ),
}


def refuse_those_of_others(judge: JudgeOptions, endpoint: EndpointOptions) -> None:
    """Raise OptionError for an option of one engine where another one judges."""
    for engine, options in OF_ENGINE.items():
        concern = endpoint if engine == "endpoint" else judge
        for each in options:
            if judge.engine != engine and getattr(concern, each.field) not in (None, False):
                raise OptionError(
                    f"{each.flag} is for --engine={engine}, and --engine is {judge.engine}"
                )


@dataclass(frozen=True)
class SpendingOptions(
    Concern,
    title="Spending",
    about="Equal posts are judged once. What is over a budget goes to --deferred-topic, least "
    "urgent first: lowest score, and audits last. Limits are for each worker process, and "
    "all that are given hold.",
):
    """How often the judge may be asked."""

    cache_mb: float = option(
        64.0,
        _MEGABYTES,
        metavar="MB",
        help="memory for verdicts on equal posts, in each worker process; 0 turns it off",
    )
    judge_reuse_mb: float = option(
        0.0,
        _MEGABYTES,
        metavar="MB",
        help="memory for judged posts whose verdict near-copies take, in each worker process; "
        "0 has every near-copy judged",
    )
    judge_reuse_check: float = option(
        0.05, share(), metavar="S", help="of such near-copies, judged all the same as a check"
    )
    judge_reuse_agreement: float = option(
        0.9,
        Allowed(
            "give a share from 0.5 on, below 1",
            lambda share: 0.5 <= share < 1,
            {"minimum": 0.5, "exclusiveMaximum": 1},
        ),
        metavar="S",
        help="of the checks of a policy that must agree: near-copies take verdicts once more is "
        "shown, and are all judged where less is",
    )
    judge_together: bool = option(
        False,
        help="ask about a post under all policies of one status and effort in one request. It "
        "costs less, and may lose some quality: weir policy evaluate --together measures both",
    )
    budget_requests_per_second: float | None = option(
        None, above(0, "requests"), metavar="N", default_said="no limit"
    )
    budget_tokens_per_second: float | None = option(
        None,
        above(0, "tokens"),
        metavar="N",
        help="prompt tokens not in the engine's prefix cache, and generated ones",
    )
    budget_share: float | None = option(
        None, between(0, 1, "a share"), metavar="S", help="of the escalations, from 0 to 1"
    )
    shadow_budget_requests_per_second: float | None = option(
        None,
        above(0, "requests"),
        metavar="N",
        help="for policies in shadow alone, which take nothing from the budget of the others",
    )
    shadow_budget_share: float | None = option(
        None,
        between(0, 1, "a share"),
        metavar="S",
        help="of the escalations of policies in shadow, from 0 to 1",
    )

    @property
    def cache_bytes(self) -> int:
        """Return the size of the verdict cache in bytes."""
        return int(self.cache_mb * (1 << 20))
