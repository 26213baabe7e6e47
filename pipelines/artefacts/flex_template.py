"""A flex template of Dataflow: its parameters are the options of a job, checked as they are.

Dataflow checks a parameter by a regular expression alone, so a range stands in it as far as one can
say it (a sign, a share of one); the launcher then checks the rest, as every command does.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weir.pipelines.options.job import OPTIONS
from weir.pipelines.options.option import Option
from weir.transforms.secret import ENDPOINT_KEY, KAFKA_PASSWORD, PSEUDONYM_KEY, REGISTRY_LOGIN

FILE = Path(__file__).resolve().parents[2] / "infra/dataflow/metadata.json"

# What only another runner, or the machine that starts a job, does something with.
NOT_THERE = (
    *("runner", "checkpoints", "resume", "supervised", "open-ports", "waiting-mb"),
    *(
        "metrics-port",
        "metrics-host",
        "drain-seconds",
        "log-format",
        "taught-screen",
        "teach-every",
    ),
    *("bigquery-rest", "bigquery-grpc", "ssl-cafile", "ssl-certfile", "ssl-keyfile"),
)
NEEDED = ("brokers", "bigquery-project")
FILES_OF_SECRETS = {
    "kafka_password_file": (KAFKA_PASSWORD, "the password of --sasl-username"),
    "registry_login_file": (REGISTRY_LOGIN, "the login of --schema-registry"),
    "endpoint_key_file": (ENDPOINT_KEY, "the key of --endpoint-url"),
    "pseudonym_key_file": (PSEUDONYM_KEY, "the key of pseudonyms"),
}
_GS = r"^gs://[^\s]+$"
_SHARE = r"0(\.[0-9]+)?|1(\.0+)?"
_NUMBER = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"


def template_options() -> list[Option]:
    """Return the options that a template has a parameter for."""
    return [each for name, each in OPTIONS.items() if name not in NOT_THERE]


def metadata() -> str:
    """Return the metadata file of the template."""
    said = {
        "name": "Weir",
        "description": "Moderates a stream of posts against policies written in plain language",
        "streaming": True,
        "parameters": [
            *(_parameter(each) for each in template_options()),
            *(_of_secret(name, what) for name, (_, what) in FILES_OF_SECRETS.items()),
        ],
    }
    return json.dumps(said, indent=2) + "\n"


def pattern(option: Option) -> str:
    """Return the regular expression of the values of an option."""
    kinds = [re.escape(word) for word in option.words]
    if option.base is bool:
        kinds = ["true", "false"]
    elif option.base in (int, float):
        kinds.append(_number(option))
    elif option.base is str:
        kinds.append(_text(option.says.allowed.schema if option.says.allowed else {}))
    return f"^({'|'.join(kinds)})$"


def launcher_arguments(argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return what Weir is started with of what the launcher gives, and its environment.

    Parameters have values where switches have none, and files of secrets go to the environment.
    """
    switches = {each.identifier: each for each in template_options() if each.is_switch}
    arguments, environment = [], {}
    for argument in argv:
        name, _, value = argument.removeprefix("--").partition("=")
        if name in FILES_OF_SECRETS:
            environment[f"{FILES_OF_SECRETS[name][0]}_FILE"] = value
        elif name not in switches:
            arguments.append(argument)
        elif value == "true":
            arguments.append(switches[name].flag)
    return arguments, environment


def launch(argv: Sequence[str]) -> int:
    """Start the job that the launcher's parameters say; return its exit code."""
    from weir.pipelines.job.moderate import main

    arguments, environment = launcher_arguments(argv)
    os.environ.update(environment)
    return main(arguments)


def _parameter(option: Option) -> dict[str, Any]:
    said = {
        "name": option.identifier,
        "label": option.name.replace("-", " ").capitalize(),
        "helpText": option.says.help or option.name,
        "isOptional": option.name not in NEEDED,
        "regexes": [pattern(option)],
    }
    return said | ({"defaultValue": option.default_said} if _has_default(option) else {})


def _has_default(option: Option) -> bool:
    said = option.default_said
    return (
        option.says.default is None and said is not None and bool(re.match(pattern(option), said))
    )


def _of_secret(name: str, what: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "helpText": f"file in object storage that holds {what}; workers read it themselves",
        "isOptional": True,
        "regexes": [_GS],
    }


def _number(option: Option) -> str:
    limits: Mapping[str, Any] = option.says.allowed.schema if option.says.allowed else {}
    bounds = [limits, *limits.get("anyOf", ())]
    least = [b[k] for b in bounds for k in ("minimum", "exclusiveMinimum") if k in b]
    if option.base is float and limits.get("maximum") == 1 and least == [0]:
        return _SHARE
    sign = "" if least and min(least) >= 0 else "-?"
    return f"{sign}[0-9]+" if option.base is int else f"{sign}{_NUMBER}"


def _text(schema: Mapping[str, Any]) -> str:
    said = str(schema.get("pattern", r".*\S.*"))
    return said.removeprefix("^").removesuffix("$")
