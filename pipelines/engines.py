"""Who judges: the options of the judge, and the engine that they name."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.endpoint import EndpointOptions, endpoint_factory, refuse_endpoint_options
from policies.policy import PolicySet
from transforms.judge.engine import Engine
from transforms.judge.exemplar import exemplar_engine


class JudgeOptions(PipelineOptions):
    """Which engine judges, and how much of it."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        group = parser.add_argument_group("Judge")
        group.add_argument(
            "--engine",
            default="exemplar",
            choices=sorted(_ENGINES),
            help="exemplar compares with labelled examples, a stand-in; endpoint asks an "
            "OpenAI-compatible server",
        )
        group.add_argument(
            "--max_in_flight", type=int, default=256, help="requests at the judge at once"
        )
        group.add_argument(
            "--judge_timeout", type=float, default=120.0, help="seconds one request may take"
        )


def engine_factory(options: JudgeOptions, policies: PolicySet) -> Callable[[], Engine]:
    """Return what makes the engine on a worker; picklable. OptionError where it cannot work."""
    if options.engine != "endpoint":
        refuse_endpoint_options(options.view_as(EndpointOptions), options.engine)
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


_ENGINES: dict[str, Callable[[JudgeOptions, PolicySet], Callable[[], Engine]]] = {
    "endpoint": _endpoint,
    "exemplar": _exemplar,
}
