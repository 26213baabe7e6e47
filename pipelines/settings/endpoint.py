"""``--engine=endpoint``: the check that the server can serve the job, and what asks it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from weir.distribution import install_command
from weir.pipelines.errors import OptionError
from weir.pipelines.options.judging import EndpointOptions
from weir.transforms.judge.endpoint.settings import (
    MOST_TIMEOUT_S,
    EndpointError,
    EndpointSettings,
    Form,
    Schema,
    Served,
    fitting_concurrency,
    fitting_timeout,
)
from weir.transforms.judge.engine import Engine
from weir.transforms.secret import ENDPOINT_KEY, Secret, SecretError, secret

_LOG = logging.getLogger(__name__)
_SAID_AFTER_S = 10.0


def endpoint_factory(said: EndpointOptions) -> "EndpointFactory":
    """Ask the server whether it can serve the job, and return what makes the engine on a worker.

    Raises OptionError, or EndpointError where the server cannot.
    """
    settings = endpoint_of(said, key=None)
    try:
        from weir.transforms.judge.endpoint.check import check_endpoint
    except ModuleNotFoundError as error:
        raise OptionError(
            f"--engine=endpoint needs {error.name}: {install_command('endpoint')}"
        ) from error
    try:
        # Not OPENAI_API_KEY: a key for one provider must not reach whatever --endpoint-url names.
        settings = endpoint_of(said, secret(ENDPOINT_KEY))
    except SecretError as error:
        raise OptionError(f"--engine=endpoint: {error}") from error
    given = said.engine_fields
    # How fast it is nobody knows yet, and it may have a model to load.
    patient = settings if "timeout" in given else replace(settings, timeout=MOST_TIMEOUT_S)
    with _waiting_said(patient):
        served = check_endpoint(patient)
    if "concurrency" not in given:
        served = replace(served, concurrency=fitting_concurrency(served))
    if "timeout" not in given:
        settings = replace(settings, timeout=fitting_timeout(served))
    _LOG.info("%s", _described(served, settings.timeout))
    for doubt in served.doubts:
        _LOG.warning("%s", doubt)
    return EndpointFactory(settings, served)


def endpoint_of(said: EndpointOptions, key: Secret | None) -> EndpointSettings:
    """Return the server and how it is used; OptionError where that does not fit."""
    given: dict[str, Any] = said.engine_fields
    if "url" not in given:
        raise OptionError(
            "--endpoint-url is missing: where the server is, such as http://127.0.0.1:11434/v1"
        )
    if "form" in given:
        given |= {"form": Form(given["form"])}
    try:
        return EndpointSettings(**given, key=key)
    except EndpointError as error:
        raise OptionError(f"--engine=endpoint: {error}") from error


@contextmanager
def _waiting_said(settings: EndpointSettings) -> Iterator[None]:
    """Say that a server is waited for, where it takes longer than people do."""
    said = threading.Timer(
        _SAID_AFTER_S,
        _LOG.info,
        (
            "waiting for the trial answer of %s, up to %.0f s: it may be loading its model",
            settings.url,
            settings.timeout,
        ),
    )
    said.daemon = True
    said.start()
    try:
        yield
    finally:
        said.cancel()


def _described(served: Served, timeout: float) -> str:
    """Return a line on how the server is asked."""
    if served.form is Form.TOKENS:
        form = "by token ids, the form of its answers enforced"
    elif served.manner.schema is Schema.NONE:
        form = "by chat, the form of its answers asked for and not enforced"
    else:
        form = f"by chat, the form of JSON answers enforced by {served.manner.schema}"
    speed = f", about {served.tokens_per_s:.2g} tokens a second" if served.tokens_per_s else ""
    return (
        f"{served.model} is asked {form}{speed}; requests at once: {served.concurrency}, with "
        f"{timeout:,.0f} s for each"
    )


@dataclass(frozen=True)
class EndpointFactory:
    """Makes the engine on a worker; picklable."""

    settings: EndpointSettings
    served: Served

    @property
    def gives_probabilities(self) -> bool:
        """Return whether answers come with the probability of their label."""
        return self.served.form is Form.TOKENS

    @property
    def drawing(self) -> "EndpointFactory":
        """Return what makes one that draws its answers, at the server's own temperature."""
        manner = replace(self.served.manner, temperature=False)
        return replace(self, served=replace(self.served, manner=manner))

    def __call__(self) -> Engine:
        """Return the engine, running."""
        from weir.transforms.judge.endpoint.engine import EndpointEngine

        return EndpointEngine(self.settings, self.served)
