"""What a job would run with, option by option, and where each value comes from."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.pipelines.options.command_line import CONFIG, Arguments
from weir.pipelines.options.concern import Concern
from weir.pipelines.options.file import BEAM, ConfigFile, looks_secret
from weir.pipelines.options.job import CONCERNS, OPTIONS, JobOptions, overruled_names, read
from weir.pipelines.options.option import Option

_COMMAND_LINE, _DEFAULT = "command line", "default"
_SECRETS = (
    "WEIR_KAFKA_SASL_PASSWORD",
    "WEIR_SCHEMA_REGISTRY_LOGIN",
    "WEIR_ENDPOINT_KEY",
    "WEIR_PSEUDONYM_KEY",
)
_LEFT_OUT = "left out, since it looks like a secret"
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@%=+-]*(?<!:)")
_NULLS = ("null", "Null", "NULL")
_VALUES_AT = 44  # column of what follows a value


@dataclass(frozen=True)
class Shown:
    """What was said, by the options' names, and where; no secret is among it."""

    texts: Mapping[str, str]
    origins: Mapping[str, str]
    beam: Mapping[str, tuple[str, ...]]
    beam_origins: Mapping[str, str]

    @classmethod
    def of(cls, argv: Sequence[str]) -> "Shown":
        """Return what a command line comes to, its file read; OptionError where it is wrong."""
        arguments = Arguments.of(argv)
        path = arguments.config
        of_file = ConfigFile.read(path) if path else ConfigFile()
        said, others = read(arguments.without(CONFIG).argv)
        less = overruled_names(said)
        texts = {name: text for name, text in of_file.texts.items() if name not in less} | said
        JobOptions.of(texts)
        origins = {name: of_file.places.get(name, "") for name in texts}
        origins |= dict.fromkeys(said, _COMMAND_LINE)
        beam = _of_beam(others)
        return cls(
            {name: _without_secret(name, text) for name, text in texts.items()},
            origins,
            {
                name: tuple(_without_secret(name, each) for each in values)
                for name, values in {**of_file.beam, **beam}.items()
            },
            dict.fromkeys(of_file.beam, path or "") | dict.fromkeys(beam, _COMMAND_LINE),
        )

    def to_json(self) -> dict[str, Any]:
        """Return every option with its value and where that comes from."""
        said = {
            name: {
                "value": _value(option, self.texts.get(name)),
                "from": self.origins.get(name, _DEFAULT),
            }
            for name, option in OPTIONS.items()
        }
        beam = {
            name: {"value": list(values), "from": self.beam_origins[name]}
            for name, values in self.beam.items()
        }
        return {"options": said, BEAM: beam, "secrets": secrets()}


def secrets() -> dict[str, str]:
    """Return where each secret would come from, by its variable."""
    return {name: _where(name) for name in _SECRETS}


def as_yaml(shown: Shown) -> str:
    """Return it as a configuration file that says the same, a comment behind each value."""
    lines: list[str] = []
    for concern in CONCERNS:
        lines += [f"# {concern.title}", *_lines(concern, shown), ""]
    if shown.beam:
        lines.append(f"{BEAM}:")
        for name, values in shown.beam.items():
            left_out = _LEFT_OUT in values
            line = _line(f"  {name}", _list(values), shown.beam_origins[name])
            lines.append(f"  # {name}: {_LEFT_OUT}" if left_out else line)
        lines.append("")
    lines.append("# Secrets are read from the environment:")
    lines += [f"#   {name}: {where}" for name, where in secrets().items()]
    return "\n".join(lines) + "\n"


def _lines(concern: type[Concern], shown: Shown) -> list[str]:
    return [_of_option(each, shown) for each in concern.options()]


def _of_option(option: Option, shown: Shown) -> str:
    text = shown.texts.get(option.name)
    if text == _LEFT_OUT:
        return f"# {option.name}: {text}"
    if text is not None:
        return _line(option.name, _quoted(text), shown.origins[option.name])
    default = option.default_said
    if default is None or option.says.default is not None:
        return f"# {option.name}:{f' {default}' if default else ''}"
    return _line(option.name, _quoted(default), _DEFAULT)


def _line(name: str, value: str, origin: str) -> str:
    return f"{f'{name}: {value}':{_VALUES_AT}} # {origin}"


def _list(values: Sequence[str]) -> str:
    if not values:
        return "false"
    quoted = [_quoted(each) if each else "true" for each in values]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text not in _NULLS else json.dumps(text)


def _value(option: Option, text: str | None) -> Any:
    if text == _LEFT_OUT:
        return None
    if text is not None:
        return option.parse(text)
    return None if option.says.default is not None else option.default


def _of_beam(arguments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return options that are not Weir's, as ``--name=value``, ``--name value`` or ``--name``."""
    found: dict[str, list[str]] = {}
    name = ""
    for each in arguments:
        if each.startswith("--"):
            name, equals, value = each[2:].partition("=")
            found.setdefault(name, [])
            if equals:
                found[name].append(value)
        elif name:
            found[name].append(each)
    return {name: tuple(values) or ("",) for name, values in found.items()}


def _without_secret(name: str, text: str) -> str:
    return _LEFT_OUT if looks_secret(name, text) else text


def _where(variable: str) -> str:
    if os.environ.get(variable, "").strip("\r\n"):
        return "set"
    file = os.environ.get(f"{variable}_FILE")
    return f"in the file {file}" if file else "not set"
