"""A configuration file: the options of a job in YAML, by the names that the command line has.

It is flat, since an option has one name and a help lists them all; comments group it well enough.
Beam's own options, and those of a runner, stand below ``beam``. Every value is read as text and
checked as on a command line.
"""

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

import yaml

from weir.pipelines.errors import OptionError, nearest
from weir.pipelines.options.job import OLD_NAMES, OPTIONS, JobOptions
from weir.pipelines.options.option import Option
from weir.policies import storage, yaml_nodes

BEAM = "beam"
BEAM_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_MOST_BYTES = 256 << 10  # a hundred times a file that says every option
_SECRET = re.compile(r"passw|secret|token|credential|apikey|(^|-)key$", re.I)
_IN_URL = re.compile(r"://[^/@\s]*@")
_VARIABLES = {  # by a word in what was written for one of them
    "registry": "WEIR_SCHEMA_REGISTRY_LOGIN",
    "sasl": "WEIR_KAFKA_SASL_PASSWORD",
    "kafka": "WEIR_KAFKA_SASL_PASSWORD",
    "passw": "WEIR_KAFKA_SASL_PASSWORD",
    "pseudonym": "WEIR_PSEUDONYM_KEY",
    "key": "WEIR_ENDPOINT_KEY",
    "token": "WEIR_ENDPOINT_KEY",
}
_ALIKE = 0.85  # of two names, one of which is the other misspelt


@dataclass(frozen=True)
class ConfigFile:
    """What a file says: texts by the options' names, and each one's place, ``file:line``."""

    texts: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    beam: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # "" for a flag

    @classmethod
    def read(cls, path: str) -> Self:
        """Return what a file of this machine says; OptionError, with its line, where it cannot."""
        if storage.is_remote(path):
            raise OptionError(f"--config {path} is elsewhere; copy it to this machine")
        try:
            content = storage.read(path, _MOST_BYTES)
        except OSError as error:
            raise OptionError(
                f"--config {path} cannot be read ({error.strerror or type(error).__name__}); "
                "check the path and its permissions"
            ) from error
        return cls.parse(content, path)

    @classmethod
    def parse(cls, content: bytes, source: str) -> Self:
        """Return what the content of a file says; ``source`` names it in errors."""
        try:
            nodes = yaml_nodes.mapping(content.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise OptionError(f"{source}:{line}: this is not UTF-8; save it as UTF-8") from error
        except yaml_nodes.YamlError as error:
            raise OptionError(f"{source}:{error.line}: the file {error}") from error
        reader = _Reader(source)
        beam = reader.beam(*nodes.pop(BEAM)) if BEAM in nodes else {}
        texts = {key: reader.value(key, line, node) for key, (line, node) in nodes.items()}
        places = {key: f"{source}:{line}" for key, (line, _) in nodes.items()}
        reader.check(texts, places)
        return cls(texts, places, beam)

    def arguments(self, without: Collection[str] = ()) -> list[str]:
        """Return the file as a command line says it, less some options, or ``beam`` for Beam's."""
        kept = {name: text for name, text in self.texts.items() if name not in without}
        return [
            *(each for name, text in kept.items() for each in _argument(OPTIONS[name], text)),
            *(() if BEAM in without else self._for_beam()),
        ]

    def _for_beam(self) -> list[str]:
        said = [(name, each) for name, values in self.beam.items() for each in values]
        return [f"--{name}={value}" if value else f"--{name}" for name, value in said]


def _place(name: str) -> str:
    found = [each for word, each in _VARIABLES.items() if word in name.lower()]
    return f", as ${found[0]}, or in a file that ${found[0]}_FILE names" if found else ""


def looks_secret(name: str, text: str) -> bool:
    """Return whether an option by this name, of Weir's or not, seems to hold a secret."""
    return bool(
        _IN_URL.search(text) or (name not in OPTIONS and _SECRET.search(name.replace("_", "-")))
    )


def _argument(option: Option, text: str) -> list[str]:
    if not option.is_switch:
        return [f"{option.flag}={text}"]
    return [option.flag if text == "true" else f"--no-{option.name}"]


@dataclass(frozen=True)
class _Reader:
    source: str

    def value(self, name: str, line: int, node: yaml.Node) -> str:
        option = OPTIONS.get(name)
        if option is None:
            raise self._unknown(name, line)
        if isinstance(node, yaml.SequenceNode) and option.many:
            return ",".join(self._items(name, line, node))
        text = self._text(name, line, node)
        if _IN_URL.search(text):
            raise OptionError(
                f"{self.source}:{line}: {name} holds a user or a password, and none stands in a "
                "file: give secrets in the environment"
            )
        return text

    def beam(self, line: int, node: yaml.Node) -> dict[str, tuple[str, ...]]:
        if not isinstance(node, yaml.MappingNode):
            raise OptionError(
                f"{self.source}:{line}: {BEAM} is no mapping; under it, write an option of Beam's "
                "or the runner's a line, such as `  parallelism: 4`"
            )
        try:
            found = yaml_nodes.pairs(node)
        except yaml_nodes.YamlError as error:
            raise OptionError(f"{self.source}:{error.line}: {BEAM} {error}") from error
        return {name: self._of_beam(name, *each) for name, each in found.items()}

    def check(self, texts: Mapping[str, str], places: Mapping[str, str]) -> None:
        for name, text in texts.items():
            try:
                OPTIONS[name].check(OPTIONS[name].parse(text))
            except OptionError as error:
                raise OptionError(f"{places[name]}: {str(error).removeprefix('--')}") from error
        try:
            JobOptions.of(texts)
        except OptionError as error:
            raise OptionError(f"{self.source}: {error}") from error

    def _of_beam(self, name: str, line: int, node: yaml.Node) -> tuple[str, ...]:
        if name in OPTIONS:
            raise OptionError(f"{self.source}:{line}: {name} is none of Beam's; write it above")
        if not BEAM_NAME.fullmatch(name):
            raise OptionError(
                f"{self.source}:{line}: {name!a} is no option; write its name with dashes"
            )
        if _SECRET.search(name):
            raise self._secret(name, line)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._items(name, line, node))
        text = self._text(name, line, node)
        if _IN_URL.search(text):
            raise self._secret(name, line)
        return {"true": ("",), "false": ()}.get(text, (text,))

    def _items(self, name: str, line: int, node: yaml.SequenceNode) -> list[str]:
        items = [self._text(name, line, each) for each in node.value]
        if not items or any("," in each for each in items):
            raise OptionError(f"{self.source}:{line}: {name} is no list of names without commas")
        return items

    def _text(self, name: str, line: int, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise OptionError(f"{self.source}:{line}: {name} is no text; put it in 'quotes'")
        text = str(node.value).strip()
        if not text or node.tag == "tag:yaml.org,2002:null":
            raise OptionError(f"{self.source}:{line}: {name} has no value; leave the line out")
        if problem := yaml_nodes.unwritable(text):
            raise OptionError(f"{self.source}:{line}: {name} {problem}")
        return text

    def _unknown(self, name: str, line: int) -> OptionError:
        known = [*OPTIONS, BEAM]
        dashed = name.replace("_", "-")
        dashed = OLD_NAMES.get(dashed, dashed)
        alike = difflib.get_close_matches(dashed, known, 1, _ALIKE)
        if not alike and _SECRET.search(dashed):
            return self._secret(name, line, _place(dashed))
        others = f"weir run --help has the names, and those of Beam's stand below {BEAM}:"
        hint = nearest(dashed, known, others)
        return OptionError(f"{self.source}:{line}: {name!a} is not an option: {hint}")

    def _secret(self, name: str, line: int, where: str = "") -> OptionError:
        return OptionError(
            f"{self.source}:{line}: {name!a} looks like a secret, and none stands in a file that "
            f"is kept and shared: give it in the environment{where}"
        )
