"""The schema registry: asked once an id, trusted with nothing, waited for while it is away."""

import gzip
import logging
import pickle
import socket

import pytest

from tests.registry_server import registry_server, say
from weir.transforms.process.draining import STOPPING
from weir.transforms.registry import (
    AwayError,
    RegistryClient,
    RegistryError,
    RegistrySettings,
    Schema,
    Schemas,
    SchemaType,
    UnknownSchemaError,
)
from weir.transforms.secret import REGISTRY_LOGIN, Secret


@pytest.fixture
def server():
    with registry_server() as running:
        yield running


def _client(server, **settings):
    return RegistryClient(RegistrySettings(server.url, **settings))


def test_a_schema_comes_with_all_that_it_refers_to_each_behind_what_it_needs(server):
    server.add("c", subject="c")
    server.add("b", subject="of b/x", references=[("C", "c", 1)])
    number = server.add("a", "PROTOBUF", references=[("C", "c", 1), ("B", "of b/x", -1)])
    assert _client(server).schema(number) == Schema(
        SchemaType.PROTOBUF, "a", (("C", "c"), ("B", "b"))
    )


def test_references_in_a_ring_come_to_an_end(server):
    server.add("a", subject="a", references=[("B", "b", 1)])
    server.add("b", subject="b", references=[("A", "a", 1), ("B", "b", 1)])
    assert dict(_client(server).schema(1).references) == {"A": "a", "B": "b"}


def test_a_schema_that_refers_to_thousands_is_unknown(server):
    for number in range(1, 300):
        server.add("x", subject=str(number), references=[(str(number + 1), str(number + 1), 1)])
    with pytest.raises(UnknownSchemaError, match="more than 200"):
        _client(server).schema(1)


def test_an_id_that_the_registry_denies_is_unknown(server):
    with pytest.raises(UnknownSchemaError):
        _client(server).schema(99)


def _drip(handler):
    handler.send_response(200)
    handler.end_headers()
    with pytest.raises(OSError):  # noqa: PT011, PT012 - until the client goes away
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            handler.server.stop.wait(0.02)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda to: say(to, 200, b"<html>hello</html>"), "not a schema registry's"),
        (lambda to: say(to, 200, {"schema": 3}), "not a schema registry's"),
        (lambda to: say(to, 200, {"schema": "x", "schemaType": "THRIFT"}), "not a schema reg"),
        (lambda to: say(to, 200, b"[" * 100_000), "not a schema registry's"),
        (lambda to: say(to, 401, b""), "WEIR_SCHEMA_REGISTRY_LOGIN"),
        (lambda to: say(to, 403, b"<html>"), "WEIR_SCHEMA_REGISTRY_LOGIN"),
        (lambda to: say(to, 302, b"", Location="http://127.0.0.1:9/"), "sends elsewhere"),
        (lambda to: say(to, 404, b"<html>not here</html>"), "no such API"),
        (lambda to: say(to, 429, b""), "429"),
        (lambda to: say(to, 500, {"error_code": 50001}), "500"),
        (lambda to: say(to, 200, b" " * (5 << 20)), "longer than"),
        (
            lambda to: say(to, 200, gzip.compress(bytes(64 << 20)), Content_Encoding="gzip"),
            "longer than",
        ),
        (lambda to: to.connection.shutdown(socket.SHUT_RDWR), "cannot be asked"),
    ],
)
def test_what_is_no_answer_of_a_registry_is_one_that_is_away(server, answer, said):
    server.answer = answer
    with pytest.raises(AwayError, match=said):
        _client(server).schema(1)


def test_a_registry_that_hangs_is_away(server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(AwayError, match="ReadTimeout"):
            _client(server, timeout=0.2).schema(1)


def test_an_answer_that_drips_is_given_up(server):
    server.answer = lambda to: (
        say(to, 200, b'"'),
        None,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        import threading

        def drip():
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                try:
                    while True:
                        connection.sendall(b" " * (1 << 16))
                        pause.wait(0.05)
                except OSError:
                    return

        pause = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        server.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(AwayError, match="too long"):
            _client(server, timeout=1.5).schema(1)
        thread.join()


@pytest.mark.parametrize(
    ("login", "header"),
    [("ann:pass:word", "Basic YW5uOnBhc3M6d29yZA=="), ("token", "Bearer token")],
)
def test_a_login_is_sent_and_not_shown(server, login, header, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(REGISTRY_LOGIN, login)
    settings = RegistrySettings(server.url, Secret(REGISTRY_LOGIN))
    RegistryClient(settings).check()
    assert server.headers[0]["Authorization"] == header
    shown = repr(settings) + caplog.text + repr(pickle.dumps(settings))
    assert login not in shown
    assert header.split()[1] not in shown


@pytest.mark.usefixtures("proxy_elsewhere")
def test_a_registry_on_this_machine_is_asked_by_no_proxy(server):
    number = server.add("a")
    assert _client(server).schema(number).text == "a"


def test_no_login_is_taken_from_a_netrc(server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    _client(server).check()
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize(
    ("url", "login", "said"),
    [
        ("registry:8081", None, "no URL of a registry"),
        ("ftp://registry", None, "no URL of a registry"),
        ("https://registry/?a=b", None, "no URL of a registry"),
        ("https://[registry", None, "is no URL"),
        ("https://ann:hunter2@registry", None, "holds a login"),
        ("http://registry:8081", "ann:hunter2", "in the clear"),
        ("https://registry", "ann:hunt\ner2", "no HTTP header"),
    ],
)
def test_a_registry_that_is_not_understood_is_refused(url, login, said, monkeypatch):
    if login:
        monkeypatch.setenv(REGISTRY_LOGIN, login)
    with pytest.raises(RegistryError, match=said) as error:
        RegistrySettings(url, Secret(REGISTRY_LOGIN) if login else None)
    assert "hunter2" not in str(error.value)


class _Asked:
    """Answers with what it is given, one by one; an error is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.numbers = []

    def schema(self, number):
        self.numbers.append(number)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


SCHEMA = Schema(SchemaType.AVRO, "{}")


def _schemas(*answers):
    asked, clock = _Asked(*answers), _Clock()
    return Schemas(asked, clock, clock.sleep), asked, clock


def test_a_schema_is_asked_for_once():
    schemas, asked, _ = _schemas(SCHEMA)
    assert schemas.get(7) is schemas.get(7) is SCHEMA
    assert asked.numbers == [7]


def test_an_unknown_id_is_asked_for_again_after_a_minute():
    schemas, asked, clock = _schemas(UnknownSchemaError("no"), SCHEMA)
    for _ in range(3):
        with pytest.raises(UnknownSchemaError):
            schemas.get(7)
        clock.now += 19
    clock.now += 4
    assert schemas.get(7) is SCHEMA
    assert len(asked.numbers) == 2


@pytest.mark.parametrize("number", [0, 1 << 31, (1 << 32) - 1])
def test_an_id_that_no_registry_gives_is_unknown_without_asking(number):
    schemas, asked, _ = _schemas()
    with pytest.raises(UnknownSchemaError, match="from 1 to"):
        schemas.get(number)
    assert asked.numbers == []


def test_a_registry_that_is_away_is_waited_for_and_spoken_of_once_a_minute(caplog):
    schemas, asked, clock = _schemas(*[AwayError("it is away")] * 20, SCHEMA)
    assert schemas.get(7) is SCHEMA
    waits = [record for record in caplog.records if "waiting" in record.message]
    assert clock.now / 60 <= len(waits) <= clock.now / 60 + 1
    assert len(asked.numbers) == 21


def test_a_job_that_is_told_to_stop_waits_no_longer(monkeypatch):
    schemas, _, _ = _schemas(AwayError("it is away"), AwayError("it is away"))
    monkeypatch.setattr(STOPPING, "is_set", lambda: True)
    with pytest.raises(RegistryError, match="not lost"):
        schemas.get(7)
