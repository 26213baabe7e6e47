"""Who judges: the options of the judge, and the engine that they name."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from apache_beam.options.pipeline_options import PipelineOptions

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
            help="exemplar compares with labelled examples, a stand-in",
        )
        group.add_argument(
            "--max_in_flight", type=int, default=256, help="requests at the judge at once"
        )
        group.add_argument(
            "--judge_timeout", type=float, default=120.0, help="seconds one request may take"
        )


def engine_factory(options: JudgeOptions, policies: PolicySet) -> Callable[[], Engine]:
    """Return what makes the engine on a worker; picklable. OptionError where it cannot work."""
    return _ENGINES[options.engine](options, policies)


@dataclass(frozen=True)
class _Exemplar:
    policies: PolicySet

    def __call__(self) -> Engine:
        return exemplar_engine(self.policies)


def _exemplar(options: JudgeOptions, policies: PolicySet) -> Callable[[], Engine]:  # noqa: ARG001
    return _Exemplar(policies)


_ENGINES: dict[str, Callable[[JudgeOptions, PolicySet], Callable[[], Engine]]] = {
    "exemplar": _exemplar
}
