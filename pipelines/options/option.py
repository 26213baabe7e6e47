"""One option: the field of a dataclass that carries its name, its help, its default and its check.

The command line, the configuration file, its schema and every help are made from these alone.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from weir.pipelines.errors import OptionError

_METADATA = "option"
# Kafka's own clients take a protocol before it; a host may be IPv6, in brackets.
_ADDRESS = r"(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.%]+\]|[^\s,:/@\[\]]+):[0-9]{1,5}"
_WORDS = {"true": True, "false": False}
_TEXT = {"type": "string", "pattern": r"\S"}
_KINDS = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: _TEXT,
}
_GIVE = {int: "give a whole number", float: "give a number", bool: "give true or false"}


@dataclass(frozen=True)
class Allowed:
    """What a value may be beyond its type: in words, as a test, and as JSON Schema has it."""

    says: str  # such as "give seconds above 0"
    holds: Callable[[Any], bool]
    schema: Mapping[str, Any] = field(default_factory=dict)


def above(least: float, what: str) -> Allowed:
    """Allow finite numbers above ``least``."""
    says = f"give {what} above {least:g}"
    return Allowed(says, lambda value: least < value < math.inf, {"exclusiveMinimum": least})


def at_least(least: int) -> Allowed:
    """Allow numbers from ``least`` on."""
    return Allowed(f"give at least {least}", lambda value: value >= least, {"minimum": least})


def between(least: float, most: float, what: str) -> Allowed:
    """Allow numbers from ``least`` to ``most``, both among them."""
    says = f"give {what} from {least:g} to {most:g}"
    schema = {"minimum": least, "maximum": most}
    return Allowed(says, lambda value: least <= value <= most, schema)


def share() -> Allowed:
    """Allow shares in (0, 1]."""
    says = "give a share above 0, at most 1, such as 0.1"
    return Allowed(says, lambda value: 0 < value <= 1, {"exclusiveMinimum": 0, "maximum": 1})


def addresses(example: str, most: int | None = None) -> Allowed:
    """Allow addresses of servers, separated by commas; ``most`` is how many."""

    def holds(text: str) -> bool:
        ports = [int(each.rpartition(":")[2]) for each in text.split(",")]
        return max(ports) < 1 << 16 and (most is None or len(ports) <= most)

    several = re.compile(rf"\s*{_ADDRESS}(,\s*{_ADDRESS})*\s*")
    return Allowed(
        f"give HOST:PORT, such as {example}",
        lambda text: several.fullmatch(text) is not None and holds(text),
        {"pattern": r"^\S.*:[0-9]{1,5}$"},
    )


@dataclass(frozen=True)
class _Says:
    help: str
    allowed: Allowed | None
    metavar: str | None
    name: str | None
    old: tuple[str, ...]
    default: str | None
    of_beam: bool
    repeats: bool


def option(
    default: Any,
    allowed: Allowed | None = None,
    *,
    help: str = "",  # noqa: A002 - what it is called everywhere
    metavar: str | None = None,
    name: str | None = None,
    old: tuple[str, ...] = (),
    default_said: str | None = None,
    of_beam: bool = False,
    repeats: bool = False,
) -> Any:
    """Return the field of an option.

    Its type says what it takes: bool, int, float, str, Literal words, a union of words and a
    number, a tuple of str (separated by commas), and None where it may be left out. ``name`` is
    the field's with dashes unless it is another one; ``old`` ones go on working. ``default_said``
    stands in the help where the default itself would say nothing. What is ``of_beam`` Beam reads
    itself. One that ``repeats`` may be given several times instead of with commas.
    """
    said = _Says(help, allowed, metavar, name, old, default_said, of_beam, repeats)
    return field(default=default, metadata={_METADATA: said})


@dataclass(frozen=True)
class Option:
    """An option as the command line and the configuration file know it."""

    name: str  # with dashes, and without the two in front
    field: str
    base: type | None  # bool, int, float or str; None where only words are taken
    words: tuple[str, ...]
    many: bool
    optional: bool
    default: Any
    says: _Says

    @classmethod
    def of(cls, at: Any, annotation: Any) -> "Option | None":
        """Return the option of a dataclass's field; None where it is another field."""
        says = at.metadata.get(_METADATA)
        if says is None:
            return None
        several = get_origin(annotation) in (Union, UnionType)
        parts = get_args(annotation) if several else (annotation,)
        words = [w for part in parts if get_origin(part) is Literal for w in get_args(part)]
        many = any(get_origin(part) is tuple for part in parts)
        bases = [part for part in parts if part in (bool, int, float, str)]
        return cls(
            name=says.name or at.name.replace("_", "-"),
            field=at.name,
            base=str if many else (bases[0] if bases else None),
            words=tuple(words),
            many=many,
            optional=NoneType in parts,
            default=at.default,
            says=says,
        )

    @property
    def flag(self) -> str:
        """Return the option as it stands on a command line."""
        return f"--{self.name}"

    @property
    def identifier(self) -> str:
        """Return its name as Python writes one, which is not always the field's."""
        return self.name.replace("-", "_")

    @property
    def is_switch(self) -> bool:
        """Return whether it takes no value on a command line."""
        return self.base is bool

    @property
    def metavar(self) -> str | None:
        """Return what stands for the value in a help; None of a switch, which takes none."""
        return None if self.is_switch else self.says.metavar or "|".join(self.words)

    def parse(self, text: str) -> Any:
        """Return the value that a text means, not checked yet; OptionError where it means none."""
        if self.many:
            return tuple(part.strip() for part in text.split(",") if part.strip())
        if text in self.words:
            return text
        if self.base is None:
            return text  # which the check refuses
        if self.base is bool:
            found: Any = _WORDS.get(text)
        elif self.base is str:
            found = text
        else:
            found = _number(self.base, text)
        if found is None:
            raise OptionError(f"{self.flag} is {text!r}; {self.way_out}")
        return found

    def check(self, value: Any) -> None:
        """Raise OptionError for a value that is not allowed."""
        allowed = self.says.allowed
        if value is None or value in self.words:
            return
        if self.base is None:
            raise OptionError(f"{self.flag} is {value!r}; it is one of {', '.join(self.words)}")
        if allowed is not None and not allowed.holds(value):
            # What has an @ in it may hold a login.
            shown = (
                "not shown"
                if "@" in str(value)
                else repr(value)
                if isinstance(value, str)
                else value
            )
            raise OptionError(f"{self.flag} is {shown}; {self.way_out}")

    @property
    def way_out(self) -> str:
        """Return what may be given, in words."""
        says = self.says.allowed.says if self.says.allowed else _GIVE.get(self.base or str, "")
        return f"{says}, or {' or '.join(self.words)}" if self.words else says

    @property
    def default_said(self) -> str | None:
        """Return the default as a help says it; None where it says nothing."""
        if self.says.default is not None:
            return self.says.default
        if self.default in (None, False, "", ()):
            return None
        return text_of(self.default)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its values in a configuration file."""
        said: dict[str, Any] = {"description": self.says.help} if self.says.help else {}
        kinds: list[dict[str, Any]] = [{"enum": list(self.words)}] if self.words else []
        if self.many:
            one = {"type": "string", "pattern": r"^[^,]*[^,\s][^,]*$"}
            kinds += [_TEXT, {"type": "array", "items": one, "minItems": 1}]
        elif self.base is not None:
            more = dict(self.says.allowed.schema) if self.says.allowed else {}
            kinds.append(_KINDS[self.base] | more)
        said |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        if self.says.default is None and self.default not in (None, "", ()):
            said["default"] = list(self.default) if self.many else self.default
        return said


def text_of(value: Any) -> str:
    """Return a value as it is written on a command line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return ",".join(value)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _number(kind: type, text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return None
    if kind is int:
        return int(number) if number.is_integer() else None
    return number
