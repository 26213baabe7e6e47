"""Tokens are asked for once, in time, and nobody hears of them or of the secret."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast
from urllib.parse import parse_qs

import pytest

from weir.transforms.kafka.errors import SourceError
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.kafka.tokens import ClientCredentials, TokenError


class Issuer:
    """What an issuer of tokens is told, and what it answers."""

    def __init__(self):
        self.asked = []
        self.status, self.headers = 200, {}
        self.body = b'{"access_token": "t0ken", "expires_in": 3600}'
        self.url = ""

    def provider(self, scope=None):
        return ClientCredentials(self.url, "we:ir", "s%cret", scope)


@contextmanager
def running(issuer):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            issuer.asked.append((self.headers["Authorization"], parse_qs(body.decode())))
            self.send_response(issuer.status)
            for name, value in issuer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(issuer.body)))
            self.end_headers()
            self.wfile.write(issuer.body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/token"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def issuer(proxy_elsewhere):
    with running(Issuer()) as known:
        yield known


def test_a_client_shows_its_own_credentials_and_asks_once(issuer):
    provider = issuer.provider("kafka read")
    assert [provider.token(), provider.token()] == ["t0ken", "t0ken"]
    ((login, form),) = issuer.asked
    assert login == "Basic d2UlM0FpcjpzJTI1Y3JldA=="  # we%3Air:s%25cret
    assert form == {"grant_type": ["client_credentials"], "scope": ["kafka read"]}


def test_another_token_is_asked_for_before_the_first_one_ends(issuer, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("weir.transforms.kafka.tokens.time.monotonic", lambda: clock[0])
    provider = issuer.provider()
    for now in (1.0, 2000.0, 2890.0):
        clock[0] = now
        provider.token()
    assert len(issuer.asked) == 2


BAD = [
    b"<html>Log in</html>",
    b"[" * 100_000,
    b'{"error": "no"}',
    b'{"access_token": 7}',
    b'{"access_token": ""}',
    json.dumps({"access_token": "a\x01auth=b"}).encode(),
    json.dumps({"access_token": "a" * (1 << 20)}).encode(),
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_an_answer_without_a_token_is_an_error_that_repeats_none_of_it(issuer, body):
    issuer.body = body
    with pytest.raises(TokenError) as refused:
        issuer.provider().token()
    assert "answered with what holds no token" in str(refused.value)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("status", [302, 401, 500])
def test_a_refusal_is_named_and_the_secret_goes_nowhere_else(issuer, status):
    with running(Issuer()) as other:
        issuer.status, issuer.headers = status, {"Location": other.url}
        with pytest.raises(TokenError, match=f"gave no token: HTTP {status}"):
            issuer.provider().token()
        assert other.asked == []


@pytest.mark.parametrize("lasts", [None, "soon", -1, 0, True, float("inf"), 1e300])
def test_how_long_a_token_lasts_may_be_anything(issuer, lasts):
    issuer.body = json.dumps({"access_token": "t", "expires_in": lasts}).encode()
    assert issuer.provider().token() == "t"


def test_a_job_that_gets_no_token_ends_at_its_start_with_a_sentence(issuer):
    issuer.status = 401
    settings = KafkaSettings(
        "127.0.0.1:1",
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        sasl_username="weir",
        sasl_password=cast("Any", "secret"),
        sasl_token_url=issuer.url,
    )
    with pytest.raises(
        SourceError, match="Check the address, the client's id and password"
    ) as ended:
        settings.require_token()
    assert "secret" not in str(ended.value)
