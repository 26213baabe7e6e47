"""How the console knows who asks.

On loopback whoever reaches it is the person who started it. Elsewhere a file says who may: people
with a token each, of which it holds the SHA-256, or those whom a proxy before the console has
signed in, by the name in a token that the proxy signs (a JWT, as Google's Identity-Aware Proxy
sends it).
"""

import getpass
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml
from google.auth import exceptions, jwt

from weir.pipelines.console.people import Person, Role
from weir.pipelines.errors import OptionError, nearest

SESSION_SECONDS = 12 * 3600  # a day's work
_ROLES = {role.title: role for role in Role}


class Access(Protocol):
    """Knows people by what their browser sends."""

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names that the console answers to, beside those of loopback."""

    @property
    def signs_in(self) -> bool:
        """Return whether a person gives a token."""

    def person(self, headers: Mapping[str, str], session: str) -> Person | None:
        """Return who asks; None where nobody says so."""

    def sign_in(self, token: str) -> str | None:
        """Return the session of whoever has the token; None for a wrong one."""


@dataclass(frozen=True)
class OnLoopback:
    """Whoever reaches the console started it."""

    name: str = field(default_factory=getpass.getuser)
    role: Role = Role.OPERATOR
    hosts: frozenset[str] = frozenset()
    signs_in: bool = False

    def person(self, headers: Mapping[str, str], session: str) -> Person:  # noqa: ARG002 - as Access has it
        """Return the one person that there is."""
        return Person(self.name, self.role)

    def sign_in(self, token: str) -> str | None:  # noqa: ARG002 - as Access has it
        """Return None: nobody has to."""
        return None


@dataclass(frozen=True)
class ByToken:
    """People by the SHA-256 of their tokens, in hexadecimal digits.

    A session is signed with that digest, so it ends where the token does, and outlives a restart.
    """

    people: Mapping[str, Person] = field(repr=False)
    hosts: frozenset[str] = frozenset()
    signs_in: bool = True

    def person(self, headers: Mapping[str, str], session: str) -> Person | None:  # noqa: ARG002 - as Access has it
        """Return whose session it is, while it lasts."""
        until, _, signature = session.partition(".")
        if not (until.isascii() and until.isdecimal()) or int(until) < time.time():
            return None
        for digest, person in self.people.items():
            if hmac.compare_digest(_signature(digest, until), signature):
                return person
        return None

    def sign_in(self, token: str) -> str | None:
        """Return a session of SESSION_SECONDS."""
        given = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
        found = [digest for digest in self.people if hmac.compare_digest(digest, given)]
        until = str(int(time.time()) + SESSION_SECONDS)
        return f"{until}.{_signature(found[0], until)}" if found else None


def _signature(digest: str, until: str) -> str:
    return hmac.new(bytes.fromhex(digest), f"session {until}".encode(), "sha256").hexdigest()


@dataclass(frozen=True)
class BySignedHeader:
    """People by the name that a proxy signs: the claim ``email``, in a JWT in a header.

    ``keys`` are the proxy's public keys or certificates in PEM, by their id.
    """

    header: str
    audience: str
    issuer: str
    keys: Mapping[str, str] = field(repr=False)
    people: Mapping[str, Person] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()
    signs_in: bool = False

    def person(self, headers: Mapping[str, str], session: str) -> Person | None:  # noqa: ARG002 - as Access has it
        """Return who was signed in, where the file names them."""
        try:
            claims: Any = jwt.decode(  # type: ignore[no-untyped-call]  # google-auth has no types
                headers.get(self.header.lower(), ""), certs=dict(self.keys), audience=self.audience
            )
        except (ValueError, exceptions.GoogleAuthError):
            return None
        if claims.get("iss") != self.issuer:
            return None
        return self.people.get(str(claims.get("email", "")).lower())

    def sign_in(self, token: str) -> str | None:  # noqa: ARG002 - as Access has it
        """Return None: the proxy does that."""
        return None


def read_access(path: Path) -> ByToken | BySignedHeader:
    """Return what a file of people says; OptionError for what is not understood in it."""
    try:
        said = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise OptionError(f"--access {path}: it is not YAML") from None
    top = _fields(path, said, "the file", {"people"}, {"proxy", "hosts"})
    if not isinstance(top["people"], list) or not top["people"]:
        raise OptionError(f"--access {path}: people is a list of names and roles; it has none")
    hosts = top.get("hosts", [])
    if not isinstance(hosts, list) or not all(isinstance(each, str) for each in hosts):
        raise OptionError(f"--access {path}: hosts is a list of names, such as [weir.example.org]")
    named = frozenset(each.lower() for each in hosts)
    if "proxy" not in top:
        return ByToken(_tokens(path, top["people"]), named)
    proxy = _fields(path, top["proxy"], "proxy", {"header", "audience", "issuer", "keys"}, set())
    people = [_fields(path, each, "a person", {"name", "role"}, set()) for each in top["people"]]
    return BySignedHeader(
        header=str(proxy["header"]),
        audience=str(proxy["audience"]),
        issuer=str(proxy["issuer"]),
        keys=_keys(path.parent / str(proxy["keys"])),
        people={str(each["name"]).lower(): _person(path, each) for each in people},
        hosts=named,
    )


def _tokens(path: Path, said: list[Any]) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for each in said:
        fields = _fields(path, each, "a person", {"name", "role", "token_sha256"}, set())
        person, digest = _person(path, fields), str(fields["token_sha256"]).lower()
        if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise OptionError(
                f"--access {path}: token_sha256 of {person.name} is not the 64 hexadecimal digits "
                "of a SHA-256; weir console --new-token NAME makes a token and prints them"
            )
        if digest in found:
            raise OptionError(
                f"--access {path}: {found[digest].name} and {person.name} share a token"
            )
        found[digest] = person
    return found


def _person(path: Path, said: Mapping[str, Any]) -> Person:
    name, role = str(said["name"]).strip(), str(said["role"])
    if not name or not name.isprintable() or len(name) > 200:
        raise OptionError(f"--access {path}: a person's name is empty, too long or not printable")
    if role not in _ROLES:
        hint = nearest(role, list(_ROLES), f"there are {', '.join(_ROLES)}")
        raise OptionError(f"--access {path}: {name} has the role {role!r}; {hint}")
    return Person(name, _ROLES[role])


def _fields(
    path: Path, said: Any, what: str, required: set[str], optional: set[str]
) -> dict[str, Any]:
    """Return an object with these names and no others: what is not understood is refused."""
    if not isinstance(said, dict):
        raise OptionError(f"--access {path}: {what} needs {', '.join(sorted(required))}")
    for name in map(str, said):
        if name not in required | optional:
            known = sorted(required | optional)
            hint = nearest(name, known, f"there are {', '.join(known)}")
            raise OptionError(f"--access {path}: {what} has {name!r}, which means nothing; {hint}")
    for name in sorted(required - set(said)):
        raise OptionError(f"--access {path}: {what} has no {name}")
    return said


def _keys(path: Path) -> dict[str, str]:
    try:
        keys = json.loads(path.read_text("utf-8"))
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(each, str) for each in keys.values()):
        raise OptionError(f"--access: {path} is not a JSON object of keys in PEM by their id")
    return {str(name): key for name, key in keys.items()}
