"""How the console knows who asks.

On loopback whoever reaches it is the person who started it. Elsewhere a file says who may
(``access_file.py``): people with a token each, of which it holds the SHA-256, or those whom a
proxy before the console has signed in, by the name in a token that the proxy signs (a JWT, as
Google's Identity-Aware Proxy sends it).
"""

import getpass
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from google.auth import jwt

from weir.pipelines.console.people import Person, Role
from weir.pipelines.errors import OptionError

SESSION_SECONDS = 12 * 3600  # a day's work, after which a browser forgets the token
_SKEW_SECONDS = 30  # between the proxy's clock and this machine's

Stamp = tuple[int, ...] | None  # of a file; None where there is none


class Access(Protocol):
    """Knows people by what their browser sends."""

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names that the console answers to, beside those of loopback."""

    @property
    def signs_in(self) -> bool:
        """Return whether a person gives a token, which their browser then sends."""

    def person(self, headers: Mapping[str, str], token: str) -> Person | None:
        """Return who asks; None where nobody says so."""


@dataclass(frozen=True)
class OnLoopback:
    """Whoever reaches the console started it."""

    name: str = field(default_factory=lambda: login_name())
    role: Role = Role.OPERATOR
    hosts: frozenset[str] = frozenset()
    signs_in: bool = False

    def person(self, headers: Mapping[str, str], token: str) -> Person:  # noqa: ARG002 - as Access has it
        """Return the one person that there is."""
        return Person(self.name, self.role)


def login_name() -> str:
    """Return the name of whoever runs this; a container's user may have none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # the second where Python is older than 3.13
        return "operator"


@dataclass(frozen=True)
class ByToken:
    """People by the SHA-256 of their tokens, in hexadecimal digits.

    The token itself is what a browser keeps, so that whoever reads the file cannot make what it
    would send; it ends where the person is taken out of the file, and outlives a restart.
    """

    people: Mapping[str, Person] = field(repr=False)
    hosts: frozenset[str] = frozenset()
    signs_in: bool = True

    def person(self, headers: Mapping[str, str], token: str) -> Person | None:  # noqa: ARG002 - as Access has it
        """Return whose token it is."""
        digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
        return self.people.get(digest)


@dataclass(frozen=True)
class BySignedHeader:
    """People by the name that a proxy signs: the claim ``email``, in a JWT in a header.

    ``keys`` is a file of the proxy's public keys or certificates in PEM by their id, which is read
    anew when it changes: proxies change their keys.
    """

    header: str
    audience: str
    issuer: str
    keys: Path
    people: Mapping[str, Person] = field(repr=False)
    hosts: frozenset[str] = frozenset()
    signs_in: bool = False

    def person(self, headers: Mapping[str, str], token: str) -> Person | None:  # noqa: ARG002 - as Access has it
        """Return who was signed in, where the file names them."""
        try:
            keys = _keys_of(self.keys, stamp_of(self.keys))
            claims: Any = jwt.decode(  # type: ignore[no-untyped-call]  # google-auth has no types
                headers.get(self.header, ""),
                certs=keys,
                audience=self.audience,
                clock_skew_in_seconds=_SKEW_SECONDS,
            )
        except Exception:  # noqa: BLE001 - whatever a forged token has the library raise
            return None
        if claims.get("iss") != self.issuer or not isinstance(claims.get("email"), str):
            return None
        return self.people.get(claims["email"].lower())


def stamp_of(path: Path) -> Stamp:
    """Return what changes with a file, also where another takes its place; None where none is."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=2)
def _keys_of(path: Path, _changed: Stamp) -> dict[str, str]:
    return read_keys(path)


def read_keys(path: Path) -> dict[str, str]:
    """Return public keys in PEM by their id, of a JSON object in a file; OptionError."""
    try:
        keys = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        keys = None
    pem = "-----BEGIN "
    if (
        not isinstance(keys, dict)
        or not keys
        or not all(isinstance(each, str) and each.startswith(pem) for each in keys.values())
    ):
        raise OptionError(
            f"--access: {path} is not a JSON object of public keys in PEM by their id"
        )
    return keys
