"""``--engine=endpoint``: the check that the server can serve the job, and what asks it."""

import logging
from dataclasses import dataclass, replace
from typing import Any

from weir.distribution import install_command
from weir.pipelines.errors import OptionError
from weir.pipelines.options.judging import EndpointOptions
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


def endpoint_factory(said: EndpointOptions) -> "EndpointFactory":
    """Ask the server whether it can serve the job, and return what makes the engine on a worker.

    Raises OptionError, or EndpointError where the server cannot.
    """
    given: dict[str, Any] = said.engine_fields
    if "url" not in given:
        raise OptionError(
            "--endpoint-url is missing: where the server is, such as http://127.0.0.1:11434/v1"
        )
    if "form" in given:
        given |= {"form": Form(given["form"])}
    try:
        from weir.transforms.judge.endpoint.check import check_endpoint
    except ModuleNotFoundError as error:
        raise OptionError(
            f"--engine=endpoint needs {error.name}: {install_command('endpoint')}"
        ) from error
    try:
        # Not OPENAI_API_KEY: a key for one provider must not reach whatever --endpoint-url names.
        settings = EndpointSettings(**given, key=secret(ENDPOINT_KEY))
    except (EndpointError, SecretError) as error:
        raise OptionError(f"--engine=endpoint: {error}") from error
    served = check_endpoint(settings)
    _LOG.info("%s", _described(served))
    for doubt in served.doubts:
        _LOG.warning("%s", doubt)
    if "timeout" not in given:
        settings = replace(settings, timeout=fitting_timeout(served))
    return EndpointFactory(settings, served)


def _described(served: Served) -> str:
    """Return a line on how the server is asked."""
    if served.form is Form.TOKENS:
        form = "by token ids, the form of its answers enforced"
    elif served.manner.schema is Schema.NONE:
        form = "by chat, the form of its answers asked for and not enforced"
    else:
        form = f"by chat, the form of JSON answers enforced by {served.manner.schema}"
    speed = f", about {served.tokens_per_s:,.0f} tokens a second" if served.tokens_per_s else ""
    return f"{served.model} is asked {form}{speed}"


@dataclass(frozen=True)
class EndpointFactory:
    """Makes the engine on a worker; picklable."""

    settings: EndpointSettings
    served: Served

    @property
    def gives_probabilities(self) -> bool:
        """Return whether answers come with the probability of their label."""
        return self.served.form is Form.TOKENS

    def __call__(self) -> Engine:
        """Return the engine, running."""
        from weir.transforms.judge.endpoint.engine import EndpointEngine

        return EndpointEngine(self.settings, self.served)
