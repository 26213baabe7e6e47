"""Who judges: the options of the judge, and the engine that they name."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from apache_beam.options.pipeline_options import PipelineOptions

from weir.pipelines.errors import OptionError
from weir.pipelines.options.endpoint import (
    EndpointOptions,
    endpoint_factory,
    refuse_endpoint_options,
)
from weir.policies.policy import PolicySet
from weir.transforms.judge.engine import Engine
from weir.transforms.judge.exemplar.engine import exemplar_engine
from weir.transforms.judge.vllm.settings import MODEL_20B, MODEL_120B, VllmSettings


class JudgeOptions(PipelineOptions):
    """Which engine judges, and how much of it."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Judge")
        group.add_argument(
            "--engine",
            default="exemplar",
            choices=sorted(_ENGINES),
            help="vllm reasons on this worker's GPU; endpoint asks an OpenAI-compatible server; "
            "exemplar compares with labelled examples, a stand-in",
        )
        group.add_argument(
            "--max_in_flight",
            type=int,
            default=4096,
            help="requests at the judge at once, at most; fewer where the engine holds fewer",
        )
        group.add_argument(
            "--waiting_mb",
            type=float,
            default=256.0,
            help="prism: posts that are escalated and not decided, at most; then reading waits for "
            "the judge, and lag grows. Other runners hold back by themselves",
        )
        group.add_argument(
            "--judge_timeout",
            type=float,
            default=600.0,
            help="seconds one request may take, a restart of its engine included",
        )
        group.add_argument(
            "--model",
            help=f"vllm: a folder, a name on the Hugging Face hub, or an object-store prefix that "
            f"is copied to each worker (default {MODEL_20B}; {MODEL_120B} needs an 80 GB card)",
        )
        group.add_argument(
            "--reasoning_tokens",
            type=int,
            help="vllm: reasoning is ended there; a safety net, so lower a policy's effort instead "
            f"(default: {VllmSettings.reasoning_tokens})",
        )
        group.add_argument(
            "--gpu_memory",
            type=int,
            metavar="GB",
            help="vllm: the card's memory, for which settings are chosen: 16, 24, 40 or 80 "
            "(default: as the card says)",
        )
        group.add_argument(
            "--engine_settings",
            metavar="NAME=VALUE,...",
            help="vllm: settings that the card's own do not suit, such as max_num_seqs=32,"
            "max_model_len=12288; transforms/judge/vllm_settings.py lists them",
        )


_OF_VLLM = ("model", "reasoning_tokens", "gpu_memory", "engine_settings")


def engine_factory(options: JudgeOptions, policies: PolicySet) -> Callable[[], Engine]:
    """Return what makes the engine on a worker; picklable. OptionError where it cannot work."""
    if options.engine != "endpoint":
        refuse_endpoint_options(options.view_as(EndpointOptions), options.engine)
    if options.engine != "vllm":
        for name in _OF_VLLM:
            if getattr(options, name) is not None:
                raise OptionError(
                    f"--{name} is for --engine=vllm, and --engine is {options.engine}"
                )
    return _ENGINES[options.engine](options, policies)


@dataclass(frozen=True)
class _Exemplar:
    policies: PolicySet

    def __call__(self) -> Engine:
        return exemplar_engine(self.policies)


def _exemplar(options: JudgeOptions, policies: PolicySet) -> Callable[[], Engine]:  # noqa: ARG001
    return _Exemplar(policies)


def _endpoint(options: JudgeOptions, policies: PolicySet) -> Callable[[], Engine]:  # noqa: ARG001
    return endpoint_factory(options.view_as(EndpointOptions))


@dataclass(frozen=True)
class _Vllm:
    settings: VllmSettings

    def __call__(self) -> Engine:
        from weir.transforms.judge.vllm.engine import VllmEngine  # a launcher needs none of it

        return VllmEngine(self.settings)


def _vllm(options: JudgeOptions, policies: PolicySet) -> Callable[[], Engine]:  # noqa: ARG001
    given = {
        "model": options.model,
        "reasoning_tokens": options.reasoning_tokens,
        "gpu_memory_gb": options.gpu_memory,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return _Vllm(VllmSettings.parse(options.engine_settings or "", **chosen))
    except ValueError as error:
        raise OptionError(f"The judge's options do not fit together: {error}") from error


_ENGINES: dict[str, Callable[[JudgeOptions, PolicySet], Callable[[], Engine]]] = {
    "endpoint": _endpoint,
    "exemplar": _exemplar,
    "vllm": _vllm,
}
