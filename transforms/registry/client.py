"""One question to the registry at a time: what it answers is bounded, and trusted with nothing."""

import time
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
import requests
from requests.auth import AuthBase, HTTPBasicAuth

from weir.transforms.loopback import is_loopback
from weir.transforms.registry.settings import (
    AwayError,
    RegistryError,
    RegistrySettings,
    Schema,
    SchemaType,
    UnknownSchemaError,
)

_MOST_ANSWER = 4 << 20  # bytes, unpacked
_MOST_REFERENCES = 200  # of one schema, those of its references included
_PIECE = 1 << 16
_UNKNOWN = (40401, 40402, 40403)  # no such subject, version, schema
_MEDIA = "application/vnd.schemaregistry.v1+json"


class _Reference(msgspec.Struct):
    name: str
    subject: str
    version: Annotated[int, msgspec.Meta(ge=-1)]


class _Found(msgspec.Struct):
    schema: str
    schemaType: SchemaType = SchemaType.AVRO  # noqa: N815 - the API's name
    references: list[_Reference] | None = None


class _Registered(msgspec.Struct):
    id: int


class _Refused(msgspec.Struct):
    error_code: int


T = TypeVar("T")


class RegistryClient:
    """Asks by the registry's own API alone: no schema says where another is to be had."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(settings.url)  # whether by a proxy
        # Else a login for the host would be taken from ~/.netrc.
        self._session.auth = _auth(settings)

    def schema(self, number: int) -> Schema:
        """Return the schema of an id, with all that it refers to.

        Raises UnknownSchemaError where the registry says that there is none, AwayError.
        """
        found = self._get(f"schemas/ids/{number}", _Found)
        references: dict[str, str] = {}
        self._refer(found, references, {})
        return Schema(found.schemaType, found.schema, tuple(references.items()))

    def register(self, subject: str, schema: Schema) -> int:
        """Make a schema the newest of a subject, if it is not yet; return its id.

        Raises AwayError, RegistryError where it is not compatible with those before it.
        """
        body = {"schema": schema.text, "schemaType": schema.type}
        path = f"subjects/{quote(subject, safe='')}/versions"
        return self._ask("POST", path, _Registered, body).id

    def registered(self, subject: str, schema: Schema) -> int:
        """Return the id of a schema of a subject. Raises UnknownSchemaError, AwayError."""
        body = {"schema": schema.text, "schemaType": schema.type}
        return self._ask("POST", f"subjects/{quote(subject, safe='')}", _Registered, body).id

    def check(self) -> None:
        """Ask for something small. Raises AwayError where it does not answer as a registry does."""
        self._get("schemas/types", list[str])

    def _refer(self, found: _Found, known: dict[str, str], asked: dict[str, None]) -> None:
        for each in found.references or ():
            if each.name in asked:
                continue
            asked[each.name] = None
            if len(asked) > _MOST_REFERENCES:
                raise UnknownSchemaError(f"it refers to more than {_MOST_REFERENCES} others")
            version = "latest" if each.version < 0 else each.version
            path = f"subjects/{quote(each.subject, safe='')}/versions/{version}"
            below = self._get(path, _Found)
            self._refer(below, known, asked)
            known[each.name] = below.schema

    def _get(self, path: str, kind: type[T]) -> T:
        return self._ask("GET", path, kind)

    def _ask(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        until = time.monotonic() + self._settings.timeout
        try:
            with self._session.request(
                method,
                f"{self._settings.url.rstrip('/')}/{path}",
                data=None if body is None else msgspec.json.encode(body),
                headers={"Accept": f"{_MEDIA}, application/json", "Content-Type": _MEDIA},
                timeout=self._settings.timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return _read(answer, _body(answer, until), kind)
        except requests.RequestException as error:
            # The library's own words have the URL in them, and more.
            raise AwayError(f"it cannot be asked ({type(error).__name__})") from None


def check_registry(settings: RegistrySettings) -> None:
    """Ask for something small. Raises RegistryError where no registry answers there."""
    try:
        RegistryClient(settings).check()
    except AwayError as error:
        raise RegistryError(f"--schema-registry {settings.url}: {error}") from None


class _NoAuth(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _auth(settings: RegistrySettings) -> AuthBase:
    if not settings.login:
        return _NoAuth()
    name, colon, password = settings.login.partition(":")
    return HTTPBasicAuth(name, password) if colon else _Bearer(settings.login)


def _body(answer: requests.Response, until: float) -> bytes:
    """Return the body, unpacked piece by piece; AwayError where it is too long or too slow."""
    body = bytearray()
    for piece in answer.iter_content(_PIECE):
        body += piece
        if len(body) > _MOST_ANSWER:
            raise AwayError(f"its answer is longer than {_MOST_ANSWER:,} bytes")
        if time.monotonic() > until:
            raise AwayError("its answer takes too long")
    return bytes(body)


def _read(answer: requests.Response, body: bytes, kind: type[T]) -> T:
    status = answer.status_code
    if status == requests.codes.ok:
        found = _decoded(body, kind)
        if found is None:
            raise AwayError("its answer is not a schema registry's: is the URL right?")
        return found
    refused = _decoded(body, _Refused)
    if status == requests.codes.not_found and refused and refused.error_code in _UNKNOWN:
        raise UnknownSchemaError("the registry has no such schema")
    if status == requests.codes.not_found:
        raise AwayError("it has no such API (404): is the URL right, with its path?")
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        raise AwayError(
            f"it wants a login, or another one ({status}): set WEIR_SCHEMA_REGISTRY_LOGIN"
        )
    if 300 <= status < 400:
        raise AwayError(f"it sends elsewhere ({status}), which is not followed: is the URL right?")
    if status in (requests.codes.conflict, requests.codes.unprocessable):
        raise RegistryError(
            f"the registry refuses the schema ({status}): it is not compatible with the newest of "
            "its subject"
        )
    raise AwayError(f"it answers with status {status}")


def _decoded(body: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
