"""Where the registry is, who asks, and what it answers with."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from weir.errors import WeirError
from weir.transforms.loopback import is_loopback
from weir.transforms.secret import Secret

LARGEST_ID = (1 << 31) - 1  # an id is a positive int of 32 bits with a sign


class RegistryError(WeirError, ValueError):
    """The registry cannot serve the job; the message names the way out."""


class AwayError(Exception):
    """The registry does not answer as one does, for now; the message says how, in a few words."""


class UnknownSchemaError(Exception):
    """The registry says that it has no such schema; the message is a sentence that says so."""


class SchemaType(StrEnum):
    """What language a schema is in, as the registry names it."""

    AVRO = "AVRO"
    PROTOBUF = "PROTOBUF"
    JSON = "JSON"


@dataclass(frozen=True)
class Schema:
    """A schema, and the ones it names, each behind what it needs itself.

    ``references`` are pairs of the name that it is called by, which in Protobuf is a file's, and
    its text.
    """

    type: SchemaType
    text: str
    references: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RegistrySettings:
    """A registry's URL, without a login, which is NAME:PASSWORD or a bearer token.

    RegistryError for what is not understood, and for a login that would travel in the clear.
    """

    url: str
    login: Secret | None = field(default=None, repr=False)
    timeout: float = 10.0  # seconds for one answer, all of it

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise RegistryError("--schema-registry is no URL: it is https://HOST[:PORT]") from None
        if parts.username is not None or parts.password is not None:
            raise RegistryError(
                "--schema-registry holds a login: leave it out, and set "
                "WEIR_SCHEMA_REGISTRY_LOGIN=NAME:PASSWORD in the environment"
            )
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise RegistryError(
                f"--schema-registry {self.url!r} is no URL of a registry: it is https://HOST[:PORT]"
            )
        if self.login is None:
            return
        if not (self.login.isascii() and self.login.isprintable()):
            raise RegistryError("the registry's login has characters that no HTTP header may have")
        if parts.scheme == "http" and not is_loopback(self.url):
            raise RegistryError(
                "--schema-registry would send its login in the clear: give https://, or leave "
                "WEIR_SCHEMA_REGISTRY_LOGIN unset"
            )
