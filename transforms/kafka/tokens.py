"""Tokens for OAUTHBEARER: asked for with a client's own credentials (RFC 6749, section 4.4).

One token serves all clients of a process; another one is asked for before it ends. Neither the
secret nor a token is in a message of an error.
"""

import base64
import functools
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from kafka.errors import SaslAuthenticationFailedError
from kafka.net.sasl.oauth import AbstractTokenProvider

from weir.transforms.kafka.errors import SourceError
from weir.transforms.secret_http import opener, sends_in_the_clear

_SECONDS = 10.0
_MOST_BYTES = 1 << 20
_USED_FOR = 0.8  # of the time that a token is said to last
_DEFAULT_SECONDS = 60.0  # where it is not said
_LONGEST_SECONDS = 86_400.0


class TokenError(SaslAuthenticationFailedError):
    """No token could be had; the message names the place and nothing of what it was told."""


def check_token_url(url: str) -> None:
    """Raise SourceError for what is no address, or would carry the secret in the clear."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urllib.parse.urlsplit(""), None
    if not host or parts.scheme not in ("https", "http"):
        raise SourceError("--sasl-token-url is no address; give https://HOST/PATH.")
    if parts.username or parts.password:
        raise SourceError(
            "--sasl-token-url has a login in it: give --sasl-username, and its password in "
            "$WEIR_KAFKA_SASL_PASSWORD."
        )
    if sends_in_the_clear(url):
        raise SourceError(
            f"--sasl-token-url would send a password to {host} in the clear; give https://."
        )


class ClientCredentials(AbstractTokenProvider):
    """Gives a token that has not ended; thread-safe."""

    def __init__(self, url: str, client_id: str, secret: str, scope: str | None) -> None:
        super().__init__()
        self._url = url
        self._client_id, self._secret, self._scope = client_id, secret, scope
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0
        self._opener = opener(url)

    def token(self) -> str:
        """Return a token; TokenError where none can be had."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._token, lasts = self._asked()
                self._until = time.monotonic() + lasts * _USED_FOR
            return self._token

    def _asked(self) -> tuple[str, float]:
        form = {"grant_type": "client_credentials"}
        if self._scope:
            form["scope"] = self._scope
        # Quoted before they are joined, as section 2.3.1 has it.
        login = ":".join(urllib.parse.quote_plus(each) for each in (self._client_id, self._secret))
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url,
            data=urllib.parse.urlencode(form).encode(),
            headers={
                "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
                "Accept": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                body = answer.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            error.close()
            raise TokenError(f"{self._place} gave no token: HTTP {error.code}") from None
        except (OSError, ValueError) as error:
            raise TokenError(f"{self._place} gave no token: {type(error).__name__}") from None
        return self._read(body)

    def _read(self, body: bytes) -> tuple[str, float]:
        try:
            told = json.loads(body) if len(body) <= _MOST_BYTES else None
        except (ValueError, RecursionError):
            told = None
        token = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(token, str) or not _is_token(token):
            raise TokenError(f"{self._place} answered with what holds no token")
        lasts = told.get("expires_in")
        if isinstance(lasts, bool) or not isinstance(lasts, int | float) or not lasts > 0:
            return token, _DEFAULT_SECONDS
        return token, min(float(lasts), _LONGEST_SECONDS)

    @property
    def _place(self) -> str:
        parts = urllib.parse.urlsplit(self._url)
        return f"--sasl-token-url {parts.scheme}://{parts.hostname}"


def _is_token(text: str) -> bool:
    # A control character would end the message of the login, and begin another.
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


@functools.cache
def client_credentials(
    url: str, client_id: str, secret: str, scope: str | None
) -> ClientCredentials:
    """Return the one provider of a process for these credentials."""
    return ClientCredentials(url, client_id, secret, scope)
