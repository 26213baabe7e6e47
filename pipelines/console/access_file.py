"""The file of ``--access``: who may use the console. What is not understood in it is refused."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from weir.pipelines.console.access import BySignedHeader, ByToken, read_keys
from weir.pipelines.console.people import Person, Role
from weir.pipelines.errors import OptionError, nearest
from weir.policies import yaml_nodes

_MOST_BYTES = 1 << 20  # thousands of people
_MOST_NAME = 200  # characters
_ROLES = {role.title: role for role in Role}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+")


class AccessFileError(OptionError):
    """A file that is not understood; ``place`` is where, without what stands there."""

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True)
class _Place:
    """Where something stands in the file."""

    path: Path
    line: int

    def error(self, problem: str) -> AccessFileError:
        place = f"{self.path}:{self.line}"
        return AccessFileError(f"--access {place}: {problem}", place)


@dataclass(frozen=True)
class _Text:
    at: _Place
    value: str


def read_access(path: Path) -> ByToken | BySignedHeader:
    """Return what a file of people says; OptionError, with its line, for what it should not."""
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    start = _Place(path, 1)
    if len(content) > _MOST_BYTES:
        raise start.error(f"it has more than {_MOST_BYTES:,} bytes, which is no list of people")
    try:
        nodes = yaml_nodes.mapping(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise start.error("it is not UTF-8") from None
    except yaml_nodes.YamlError as error:
        raise _Place(path, error.line).error(f"it {error}") from None
    top = _known(start, nodes, "the file", {"people"}, {"proxy", "hosts"})
    people = _items(top["people"], "people is a list of names and roles")
    if not people:
        raise top["people"][0].error("people names nobody; list their names and roles")
    hosts = frozenset(_hosts(top))
    if "proxy" not in top:
        return ByToken(_by_token(people), hosts)
    at, node = top["proxy"]
    proxy = _texts(at, node, "proxy", ("header", "audience", "issuer", "keys"))
    if not _HEADER.fullmatch(proxy["header"].value):
        raise proxy["header"].at.error(f"{proxy['header'].value!r} is not the name of a header")
    keys = path.parent / proxy["keys"].value
    read_keys(keys)
    return BySignedHeader(
        header=proxy["header"].value,
        audience=proxy["audience"].value,
        issuer=proxy["issuer"].value,
        keys=keys,
        people=_by_name(people),
        hosts=hosts,
    )


_Found = tuple[_Place, yaml.Node]


def _known(
    at: _Place, nodes: yaml_nodes.Nodes, what: str, required: set[str], optional: set[str]
) -> dict[str, _Found]:
    """Return the fields of a mapping, each where it stands: these names and no others."""
    known = sorted(required | optional)
    for name, (line, _) in nodes.items():
        if name not in known:
            hint = nearest(name, known, f"there are {', '.join(known)}")
            raise _Place(at.path, line).error(f"{what} has {name!r}, which means nothing; {hint}")
    for name in sorted(required - set(nodes)):
        raise at.error(f"{what} has no {name}")
    return {name: (_Place(at.path, line), node) for name, (line, node) in nodes.items()}


def _items(found: _Found, wanted: str) -> list[_Found]:
    at, node = found
    if not isinstance(node, yaml.SequenceNode):
        raise at.error(wanted)
    return [(_Place(at.path, each.start_mark.line + 1), each) for each in node.value]


def _texts(at: _Place, node: yaml.Node, what: str, names: tuple[str, ...]) -> dict[str, _Text]:
    """Return the fields of a mapping of texts, all of which are needed."""
    if not isinstance(node, yaml.MappingNode):
        raise at.error(f"{what} needs {', '.join(names)}")
    try:
        fields = _known(at, yaml_nodes.pairs(node), what, set(names), set())
    except yaml_nodes.YamlError as error:
        raise _Place(at.path, error.line).error(f"{what} {error}") from None
    return {name: _text(field, f"{name} of {what}") for name, field in fields.items()}


def _text(found: _Found, what: str) -> _Text:
    at, node = found
    value = node.value.strip() if isinstance(node, yaml.ScalarNode) else ""
    if not value:
        raise at.error(f"{what} is not a text")
    return _Text(at, value)


def _hosts(top: Mapping[str, _Found]) -> Iterable[str]:
    if "hosts" not in top:
        return
    for each in _items(top["hosts"], "hosts is a list of names, such as [weir.example.org]"):
        said = _text(each, "a host")
        if not _HOST.fullmatch(said.value.lower()):
            raise said.at.error(
                f"{said.value!r} is no name of a host; give it without https://, port and path"
            )
        yield said.value.lower()


def _by_token(people: Iterable[_Found]) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for at, node in people:
        said = _texts(at, node, "a person", ("name", "role", "token_sha256"))
        person, digest = _person(said), said["token_sha256"].value.lower()
        if not _DIGEST.fullmatch(digest):
            raise said["token_sha256"].at.error(
                f"token_sha256 of {person.name} is not the 64 hexadecimal digits of a SHA-256; "
                "weir console --new-token NAME makes a token and prints them"
            )
        if digest in found:
            raise said["token_sha256"].at.error(
                f"{found[digest].name} and {person.name} share a token"
            )
        _refuse_twin(said["name"], found.values())
        found[digest] = person
    return found


def _by_name(people: Iterable[_Found]) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for at, node in people:
        said = _texts(at, node, "a person", ("name", "role"))
        _refuse_twin(said["name"], found.values())
        found[said["name"].value.lower()] = _person(said)
    return found


def _refuse_twin(name: _Text, people: Iterable[Person]) -> None:
    """Raise OptionError for a second person of a name: nobody could tell who did what."""
    if any(each.name.lower() == name.value.lower() for each in people):
        raise name.at.error(f"{name.value} is there twice; keep one of them")


def _person(said: Mapping[str, _Text]) -> Person:
    name, role = said["name"], said["role"]
    if not name.value.isprintable() or len(name.value) > _MOST_NAME:
        raise name.at.error("a person's name is too long or not printable")
    if role.value not in _ROLES:
        hint = nearest(role.value, list(_ROLES), f"there are {', '.join(_ROLES)}")
        raise role.at.error(f"{name.value} has the role {role.value!r}; {hint}")
    return Person(name.value, _ROLES[role.value])
