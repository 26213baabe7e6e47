"""Dataflow: Google Cloud's managed engine, and what it would otherwise refuse, or do, too late."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from weir.pipelines.errors import OptionError, require_extra
from weir.pipelines.options.command_line import Arguments
from weir.transforms.judge.vllm.settings import MODEL_120B
from weir.transforms.loopback import is_loopback
from weir.transforms.screen import STARTER
from weir.transforms.secret import ENDPOINT_KEY, KAFKA_PASSWORD, PSEUDONYM_KEY, REGISTRY_LOGIN

# Google Cloud's smallest card that holds the smaller model, and the one for the larger.
_CARD_20B = "type:nvidia-l4;count:1;install-nvidia-driver"
_CARD_120B = "type:nvidia-h100-80gb;count:1;install-nvidia-driver"
_PROJECT = re.compile(r"[a-z][-a-z0-9:.]+[a-z0-9]")  # as Beam checks it
_SETUP = Path(__file__).resolve().parents[2] / "setup.py"


def dataflow_defaults(arguments: Arguments) -> list[str]:
    """Return the options that Dataflow needs; OptionError where the job could not run there."""
    _require_secrets(arguments)
    defaults = [*_staging(arguments), *_packages(arguments)]
    if (arguments.value("--stop") or "never") == "never":
        # Workers fitted to each step's hints: a card for the judge alone.
        defaults += ["--streaming", "--experiments=enable_streaming_rightfitting"]
    if arguments.value("--engine") == "vllm" and arguments.value("--stages") != "screen":
        large = arguments.value("--model") == MODEL_120B
        defaults += [
            f"--judge-accelerator={_CARD_120B if large else _CARD_20B}",
            "--judge-min-ram=" + ("96GB" if large else "24GB"),
            # One process a worker, or each of them would load the model onto the same card.
            "--experiments=no_use_multiple_sdk_containers",
        ]
    return defaults


def require_dataflows_options(arguments: Arguments) -> None:
    """Raise OptionError where Dataflow lacks an option, or its workers could not use one."""
    _require_project(arguments)
    _refuse_what_only_this_machine_reaches(arguments)
    if arguments.value("--engine") == "vllm" and not _image(arguments):
        raise OptionError(
            "--engine=vllm on Dataflow needs --sdk-container-image: an image with Weir and vLLM"
        )


def require_dataflow() -> None:
    """Raise OptionError where what talks to Dataflow is not installed."""
    require_extra("--runner=dataflow", "google.cloud.dataflow")


def _require_project(arguments: Arguments) -> None:
    for option, what in (
        ("--project", "the Google Cloud project that pays for the workers"),
        ("--region", "where the workers are, such as europe-west4"),
        ("--temp-location", "a gs:// folder for what the job stages"),
    ):
        if not arguments.value(option):
            raise OptionError(f"--runner=dataflow needs {option}: {what}")
    project = arguments.value("--project") or ""
    if not _PROJECT.fullmatch(project):
        raise OptionError(
            f"--project {project!r} is no project id; its number or title will not do"
        )
    for option in ("--temp-location", "--staging-location"):
        value = arguments.value(option)
        if value is not None and not value.startswith("gs://"):
            raise OptionError(f"{option} is {value}; Dataflow reads gs:// alone")


def _refuse_what_only_this_machine_reaches(arguments: Arguments) -> None:
    for option in ("--brokers", "--bigquery-rest", "--bigquery-grpc", "--endpoint-url"):
        for address in (arguments.value(option) or "").split(","):
            if is_loopback(address):
                raise OptionError(f"{option} is {address}, which Dataflow's workers cannot reach")
    screen = arguments.value("--screen") or STARTER
    if screen != STARTER and "://" not in screen:
        raise OptionError(
            f"--screen is {screen}, a folder of this machine; Dataflow's workers need it under gs://"
        )


def _require_secrets(arguments: Arguments) -> None:
    for variable in _secrets(arguments):
        file = os.environ.get(f"{variable}_FILE", "")
        if not file.startswith("gs://"):
            raise OptionError(
                f"${variable} is not sent to Dataflow's workers with the job: give the gs:// path "
                f"of a file that holds it in ${variable}_FILE"
            )


def _secrets(arguments: Arguments) -> Iterator[str]:
    """Yield the variables of the secrets that workers need."""
    if arguments.has("--sasl-mechanism"):
        yield KAFKA_PASSWORD
    if arguments.has("--schema-registry") and os.environ.get(REGISTRY_LOGIN):
        yield REGISTRY_LOGIN
    if arguments.value("--engine") == "endpoint" and os.environ.get(ENDPOINT_KEY):
        yield ENDPOINT_KEY
    if arguments.value("--store-text") == "hash" or arguments.value("--author-field"):
        yield PSEUDONYM_KEY


def _staging(arguments: Arguments) -> list[str]:
    temporary = (arguments.value("--temp-location") or "").rstrip("/")
    return [f"--staging-location={temporary}/staging"]


def _packages(arguments: Arguments) -> list[str]:
    given = ("--sdk-container-image", "--setup-file", "--extra-package", "--requirements-file")
    if any(map(arguments.value, given)):
        return []
    if not _SETUP.exists():
        raise OptionError(
            "--runner=dataflow needs Weir on its workers: give --sdk-container-image, or "
            "--setup-file=./setup.py of a checkout"
        )
    return [f"--setup-file={_SETUP}"]


def _image(arguments: Arguments) -> bool:
    return any(map(arguments.value, ("--sdk-container-image", "--requirements-file")))
