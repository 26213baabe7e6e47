"""What is flagged reaches Coop or is kept with the reason; what it says back has to be signed.

Coop itself was not at hand: its forms are those of its documents, and what answers here is a
stand-in that holds to them.
"""

import base64
import http.client
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_flagged import flagged
from weir.pipelines.coop import push
from weir.pipelines.coop.callbacks import (
    Action,
    AppealDecision,
    CallbackError,
    is_signed,
    public_key,
    read_action,
    read_appeal,
)
from weir.pipelines.coop.client import Answer, Coop, CoopError, deliver
from weir.pipelines.coop.push import item_of, plain
from weir.pipelines.coop.server import MOST_BYTES, serving
from weir.pipelines.errors import OptionError
from weir.transforms.decode.protobuf.compile import NoCompilerError
from weir.transforms.kafka.outbox import Record
from weir.transforms.write.flagged import EVENT_TYPE
from weir.transforms.write.flagged_forms import FlaggedForm, Form

KEY: Any = cast("Any", "the-key")
ITEMS = [{"id": f"d{n}", "typeId": "weir-post", "data": {"text": "a"}} for n in range(7)]
FLAGGED = {
    "decision_id": "d1",
    "content_id": "p1",
    "run": "live",
    "policy_id": "spam",
    "policy_version": "v1",
    "created_at": "2026-03-04T12:00:00Z",
    "language": None,
    "text": "buy now",
    "probability": 0.9,
    "rule_ids": ["SPAM1", "SPAM2"],
    "rationale": "It sells.",
    "attributes": {"ip": "192.0.2.1"},
}


class Script:
    """A Coop that answers as told, the last answer from then on."""

    def __init__(self, *answers, bad=()):
        self.answers = list(answers) or [Answer(202)]
        self.bad, self.sent, self.waited = set(bad), [], []

    def __call__(self, items):
        ids = [item["id"] for item in items]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.status == 202 and self.bad & set(ids):
            answer = Answer(400)
        self.sent += ids if answer.status == 202 else []
        return answer

    def deliver(self, items=ITEMS):
        return deliver(self, items, pause=self.waited.append)


def test_a_coop_that_is_asked_too_often_for_an_hour_gets_everything_after_it():
    coop = Script(*[Answer(429)] * 70, Answer(202))
    assert coop.deliver() == []
    assert coop.sent == [item["id"] for item in ITEMS]
    assert sum(coop.waited) > 3600
    assert max(coop.waited) <= 60


def test_a_pause_that_coop_asks_for_is_made_and_no_endless_one():
    coop = Script(Answer(429, 7.0), Answer(503, 1e9), Answer(None), Answer(202))
    assert coop.deliver() == []
    assert coop.waited == [7.0, 300.0, 4.0]


def test_an_item_that_coop_refuses_is_found_and_its_neighbours_are_taken():
    coop = Script(Answer(202), bad=["d3", "d6"])
    assert [(item["id"], why) for item, why in coop.deliver()] == [
        ("d3", "HTTP 400"),
        ("d6", "HTTP 400"),
    ]
    assert coop.sent == ["d0", "d1", "d2", "d4", "d5"]


def test_an_item_on_which_coop_breaks_every_time_ends_among_the_refused():
    coop = Script(Answer(500))
    assert [why for _, why in coop.deliver(ITEMS[:1])] == ["HTTP 500"]


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "WEIR_COOP_KEY"), (403, "WEIR_COOP_KEY"), (302, "another place"), (404, "the address")],
)
def test_a_key_or_an_address_that_is_wrong_ends_it_and_refuses_no_item(status, said):
    with pytest.raises(CoopError, match=said):
        Script(Answer(status)).deliver()


@pytest.mark.parametrize(
    "url", ["http://coop.example", "coop.example", "https://a:b@coop.example", "ftp://coop.example"]
)
def test_an_address_that_would_show_the_key_is_refused(url):
    with pytest.raises(CoopError):
        Coop(url, KEY)


@contextmanager
def running(server):
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_is_sent_is_what_coops_documents_say(proxy_elsewhere):
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["X-API-KEY"], json.loads(body)))
            self.send_response(429)
            self.send_header("Retry-After", "3")
            self.end_headers()

        def log_message(self, *_):
            pass

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        item = item_of(json.dumps(FLAGGED).encode(), "weir-post")
        assert Coop(f"http://127.0.0.1:{port}/", KEY).post([item]) == Answer(429, 3.0)
    ((path, key, body),) = seen
    assert (path, key) == ("/api/v1/items/async/", "the-key")
    ((made),) = body["items"]
    assert set(made) == {"id", "typeId", "data"}
    assert made["id"] == "d1"
    assert made["data"]["rule_ids"] == "SPAM1 SPAM2"
    assert not {"attributes", "language"} & set(made["data"])


@pytest.mark.parametrize("form", list(Form))
def test_a_flag_in_any_form_is_the_same_item(form):
    record = flagged(rationale="It sells.", rule_ids=["SP2"])
    found = plain(FlaggedForm.of(form, 7).encoded(record))
    assert found is not None
    assert dict(found.headers)["ce_type"] == EVENT_TYPE.encode()
    item = item_of(found.value, "weir-post")
    assert item is not None
    assert item == item_of(record.value, "weir-post")


@given(
    st.binary() | st.binary().map(lambda body: bytes(5) + body),
    st.sampled_from(("json", "avro", "protobuf", "cloudevents+json")),
)
def test_what_is_in_no_form_is_no_item(value, kind):
    headers = (("content-type", f"application/{kind}".encode()),)
    found = plain(Record("flagged", None, value, headers))
    assert item_of(found.value if found else None, "weir-post") is None


def test_a_push_of_protobuf_without_its_compiler_says_what_to_install(monkeypatch):
    record = FlaggedForm.of(Form.PROTOBUF, 7).encoded(flagged())
    push._read.cache_clear()
    monkeypatch.setattr("weir.transforms.decode.protobuf.compile.find_spec", lambda _: None)
    with pytest.raises(NoCompilerError, match="protobuf"):
        plain(record)


@given(
    st.binary()
    | st.builds(lambda value: json.dumps(value).encode(), st.dictionaries(st.text(), st.text()))
)
def test_any_message_is_an_item_or_none(value):
    assert item_of(value, "weir-post") is None


@pytest.fixture(scope="module")
def signer():
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def sign(signer, body):
    return base64.b64encode(signer.sign(body, PKCS1v15(), hashes.SHA256())).decode()


def action(**changes):
    told = {
        "item": {"id": "d1", "typeId": "weir-post"},
        "action": {"id": "remove"},
        "policies": [],
        "actorEmail": "ann@example.org",
    }
    return json.dumps(told | changes).encode()


VERDICTS = {"remove": "violates", "keep": "safe"}


def test_a_moderators_action_and_an_appeals_decision_are_read():
    assert read_action(action(), VERDICTS) == Action("d1", "violates", "ann@example.org")
    told = json.loads(action())
    del told["actorEmail"]
    assert read_action(json.dumps(told).encode(), VERDICTS).reviewer is None
    appeal = {"appealId": "a1", "item": {"id": "d1"}, "appealDecision": "ACCEPT"}
    assert read_appeal(json.dumps(appeal).encode()) == AppealDecision("d1", "a1", granted=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "no JSON object"),
        (b"[" * 100_000, "no JSON object"),
        (action(action={"id": "ban"}), "none of --violates and --safe"),
        (action(action=None), "action.id is missing"),
        (action(item={"id": 7}), "item.id is missing, or no name"),
        (action(item={"id": "d\n1"}), "no name"),
        (action(actorEmail="a" * 2_000), "actorEmail is no name"),
    ],
    ids=range(7),
)
def test_a_callback_that_says_nothing_is_refused_without_repeating_it(body, said):
    with pytest.raises(CallbackError, match=said):
        read_action(body, VERDICTS)


def test_a_signature_is_of_this_body_and_of_coops_key(signer):
    key, body = signer.public_key(), action()
    good = sign(signer, body)
    assert is_signed(key, body, good)
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    for signature in (None, "", "no base64", good[:-8], sign(other, body), sign(signer, b"{}")):
        assert not is_signed(key, body, signature)


def test_a_file_that_is_no_key_of_coops_is_named(tmp_path, signer):
    file = tmp_path / "key.pem"
    file.write_bytes(
        signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    assert public_key(file).public_numbers() == signer.public_key().public_numbers()
    file.write_bytes(b"-----BEGIN PUBLIC KEY-----")
    with pytest.raises(OptionError, match="no public key in PEM"):
        public_key(file)


class Store:
    def __init__(self):
        self.kept, self.fails = [], None

    def __call__(self, body):
        if self.fails:
            raise self.fails
        self.kept.append(body)
        return "stored"


def test_only_what_coop_signed_is_stored_and_each_answer_says_whether_to_send_again(signer):
    store = Store()
    server = serving("127.0.0.1", 0, signer.public_key(), {"/actions": store})
    body = action()
    signed = {"Coop-Signature": sign(signer, body)}

    def posted(path="/actions", body=body, headers=signed):
        client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        client.request("POST", path, body, headers)
        answer = client.getresponse()
        answer.read()
        client.close()
        return answer.status

    with running(server):
        assert posted() == 200
        assert posted(headers={}) == posted(body=b"{}") == 401
        assert posted("/") == 404
        assert posted(headers=signed | {"Content-Length": str(MOST_BYTES + 1)}) == 413
        store.fails = CallbackError("no")
        assert posted() == 400
        store.fails = RuntimeError("the table is away")
        assert posted() == 503
    assert store.kept == [body]
