"""``--engine=endpoint``: its options, and the check that the server can serve the job."""

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions

from weir.distribution import install_command
from weir.pipelines.errors import OptionError
from weir.transforms.judge.endpoint.settings import (
    EndpointError,
    EndpointSettings,
    Form,
    Schema,
    Served,
    fitting_timeout,
)
from weir.transforms.judge.engine import Engine
from weir.transforms.secret import ENDPOINT_KEY, SecretError, secret

_LOG = logging.getLogger(__name__)


class EndpointOptions(PipelineOptions):
    """Which server judges, and how it is used."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        defaults = EndpointSettings("http://default/v1")
        group = parser.add_argument_group(
            "Endpoint",
            "An OpenAI-compatible server, for --engine=endpoint. Its key, where it wants one, is "
            f"read from ${ENDPOINT_KEY}, or the file in ${ENDPOINT_KEY}_FILE, by each worker.",
        )
        group.add_argument(
            "--endpoint_url", metavar="URL", help="up to /v1: http://127.0.0.1:11434/v1 for Ollama"
        )
        group.add_argument(
            "--endpoint_model", metavar="M", help="default: the only one that the server serves"
        )
        group.add_argument(
            "--endpoint_form",
            choices=[str(form) for form in Form],
            help="chat, for servers with a template of their own; tokens, for vLLM with a gpt-oss "
            "model: no string in a post can pass for a control token; default: auto",
        )
        group.add_argument(
            "--endpoint_concurrency",
            metavar="N",
            type=int,
            help="requests at once, of each worker; default: 128 at vLLM, 8 elsewhere",
        )
        group.add_argument(
            "--endpoint_timeout",
            metavar="S",
            type=float,
            help=f"seconds for one attempt; default: {defaults.timeout:g}, or more where the trial "
            "answer is slow",
        )
        group.add_argument(
            "--endpoint_retries",
            metavar="N",
            type=int,
            help="of an attempt whose failure may be the request's own fault; a server that is "
            "down, or takes no more for now, is waited for up to --judge_timeout; "
            f"default: {defaults.retries}",
        )
        group.add_argument(
            "--endpoint_answer_tokens",
            metavar="N",
            type=int,
            help="at which an answer is cut off, and indeterminate; "
            f"default: {defaults.answer_tokens}",
        )


def endpoint_factory(options: EndpointOptions) -> Callable[[], Engine]:
    """Ask the server whether it can serve the job, and return what makes the engine on a worker.

    Raises OptionError, or EndpointError where the server cannot.
    """
    given = _given(options)
    if "url" not in given:
        raise OptionError(
            "--endpoint_url is missing: where the server is, such as http://127.0.0.1:11434/v1"
        )
    try:
        from weir.transforms.judge.endpoint.check import check_endpoint
    except ModuleNotFoundError as error:
        raise OptionError(
            f"--engine=endpoint needs {error.name}: {install_command('endpoint')}"
        ) from error
    try:
        # Not OPENAI_API_KEY: a key for one provider must not reach whatever --endpoint_url names.
        settings = EndpointSettings(**given, key=secret(ENDPOINT_KEY))
    except (EndpointError, SecretError) as error:
        raise OptionError(f"--engine=endpoint: {error}") from error
    served = check_endpoint(settings)
    _LOG.info("%s", _described(served))
    for doubt in served.doubts:
        _LOG.warning("%s", doubt)
    if "timeout" not in given:
        settings = replace(settings, timeout=fitting_timeout(served))
    return _Endpoint(settings, served)


def _described(served: Served) -> str:
    """Return a line on how the server is asked."""
    if served.form is Form.TOKENS:
        form = "by token ids, the form of its answers enforced"
    elif served.manner.schema is Schema.NONE:
        form = "by chat, the form of its answers asked for and not enforced"
    else:
        form = f"by chat, the form of JSON answers enforced by its {served.manner.schema}"
    speed = f", about {served.tokens_per_s:,.0f} tokens a second" if served.tokens_per_s else ""
    return f"{served.model} is asked {form}{speed}"


def refuse_endpoint_options(options: EndpointOptions, engine: str) -> None:
    """Raise OptionError for an option of this engine where another one judges."""
    for name in _given(options):
        raise OptionError(f"--endpoint_{name} is for --engine=endpoint, and --engine is {engine}")


@dataclass(frozen=True)
class _Endpoint:
    settings: EndpointSettings
    served: Served

    def __call__(self) -> Engine:
        from weir.transforms.judge.endpoint.engine import EndpointEngine

        return EndpointEngine(self.settings, self.served)


def _given(options: EndpointOptions) -> dict[str, Any]:
    """Return the fields of EndpointSettings that the options name."""
    values = {
        "url": options.endpoint_url,
        "model": options.endpoint_model,
        "form": options.endpoint_form and Form(options.endpoint_form),
        "concurrency": options.endpoint_concurrency,
        "timeout": options.endpoint_timeout,
        "retries": options.endpoint_retries,
        "answer_tokens": options.endpoint_answer_tokens,
    }
    return {name: value for name, value in values.items() if value is not None}
