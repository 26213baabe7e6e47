"""The engine that judges, from the options."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec

from weir.distribution import install_command
from weir.pipelines.errors import OptionError
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions, refuse_those_of_others
from weir.pipelines.settings.endpoint import EndpointFactory, endpoint_factory, endpoint_of
from weir.policies.loading import load_policies
from weir.policies.policy import PolicySet
from weir.transforms.judge.engine import Engine
from weir.transforms.judge.exemplar.engine import exemplar_engine
from weir.transforms.judge.vllm.settings import VllmSettings

_LOG = logging.getLogger(__name__)
_NO_PROBABILITIES = (
    "this server gives no probabilities, so a post under %s is asked about at its second effort "
    "wherever the model does not say that its confidence is high"
)
_NEEDS = {
    "exemplar": ("sklearn", "scikit-learn", "screen", ""),
    "vllm": ("vllm", "vLLM", "engine", ", on a Linux machine with a GPU"),
}


def engine_factory(
    judge: JudgeOptions, endpoint: EndpointOptions, policies: PolicySet
) -> Callable[[], Engine]:
    """Return what makes the engine on a worker; picklable. OptionError where it cannot work.

    One that asks a server is checked against it: EndpointError where it cannot serve the job.
    """
    refuse_those_of_others(judge, endpoint)
    match judge.engine:
        case "endpoint":
            factory = endpoint_factory(endpoint)
            climbing = [p.policy_id for p in policies.policies if p.second_effort]
            if climbing and not factory.gives_probabilities:
                _LOG.warning(_NO_PROBABILITIES, ", ".join(climbing))
            return factory
        case "vllm":
            return _vllm(judge)
        case "exemplar":
            return _Exemplar(policies)


def stand_in(factory: Callable[[], Engine]) -> "Callable[[PolicySet], Callable[[], Engine]] | None":
    """Return what makes a stand-in of other policies, where a factory makes a stand-in; else None.

    It learns from policies' examples, and answers the same question in the same way each time.
    """
    named = isinstance(factory, EngineLater) and factory.judge.engine == "exemplar"
    return _Exemplar if named or isinstance(factory, _Exemplar) else None


def drawing(factory: Callable[[], Engine]) -> Callable[[], Engine]:
    """Return what makes an engine that draws its answers, where there is one.

    A job asks at temperature 0, where the same question has nearly always the same answer; how
    sure a model is of it shows in what it draws.
    """
    match factory:
        case EngineLater():
            return drawing(factory.factory)
        case EndpointFactory():
            return factory.drawing
        case _Vllm():
            return replace(factory, settings=replace(factory.settings, temperature=1.0))
    return factory


def require_installed(engine: str) -> None:
    """Raise OptionError for an engine that lacks what it needs here, before it is missed mid-job.

    On a cluster it is the workers that need it.
    """
    module, what, extra, more = _NEEDS.get(engine, ("weir", "", "", ""))
    if find_spec(module) is None:
        raise OptionError(
            f"--engine={engine} needs {what} here, and it is not installed: "
            f"{install_command(extra)}{more}"
        )


def require_together(together: bool, engine: str) -> None:
    """Raise OptionError where an engine that reads no policy would be asked about several."""
    if together and engine == "exemplar":
        raise OptionError(
            "--judge-together needs a judge that reads policies, and the exemplar judge reads "
            "none; give --engine=endpoint or vllm"
        )


@dataclass(frozen=True)
class EngineLater:
    """What makes an engine of a folder's policies as they then are: until then neither is needed.

    What cannot work is raised as ``engine_factory`` has it, or as a PolicyError.
    """

    judge: JudgeOptions
    endpoint: EndpointOptions
    policies: str

    @property
    def factory(self) -> Callable[[], Engine]:
        """Return what makes the engine, looked for now."""
        require_installed(self.judge.engine)
        return engine_factory(self.judge, self.endpoint, load_policies(self.policies))

    def __call__(self) -> Engine:
        """Return the engine."""
        return self.factory()


def require_settings_fit(judge: JudgeOptions, endpoint: EndpointOptions) -> None:
    """Raise OptionError where an engine's own options do not fit together, or its server lacks."""
    refuse_those_of_others(judge, endpoint)
    if judge.engine == "endpoint":
        endpoint_of(endpoint, key=None)
    elif judge.engine == "vllm":
        _vllm(judge)


def no_engine() -> Engine:
    """Stand for the engine of a job that only screens: nothing is asked of one there."""
    raise RuntimeError("a job that only screens has no engine")


@dataclass(frozen=True)
class _Exemplar:
    policies: PolicySet

    def __call__(self) -> Engine:
        return exemplar_engine(self.policies)


@dataclass(frozen=True)
class _Vllm:
    settings: VllmSettings

    def __call__(self) -> Engine:
        from weir.transforms.judge.vllm.engine import VllmEngine  # a launcher needs none of it

        return VllmEngine(self.settings)


def _vllm(judge: JudgeOptions) -> Callable[[], Engine]:
    given = {
        "model": judge.model,
        "reasoning_tokens": judge.reasoning_tokens,
        "gpu_memory_gb": judge.gpu_memory,
        "reproducible": judge.judge_reproducible or None,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return _Vllm(VllmSettings.parse(judge.engine_settings or "", **chosen))
    except ValueError as error:
        raise OptionError(f"The judge's options do not fit together: {error}") from error
