"""What is around every page: who may, what a form may hold, and what errors say."""

import hashlib
import logging
from http import HTTPStatus

import pytest
from starlette.testclient import TestClient

from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.console import forms, web
from weir.pipelines.console.access import ByToken, OnLoopback
from weir.pipelines.console.guard import HEADERS
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.rooms import ROOMS, Room
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import Moved, Page, RefusedError, Saved, Shown
from weir.transforms.write.bigquery.sink import BigQuerySettings

NOWHERE = BigQuerySettings(
    "p", "d", rest_endpoint="http://127.0.0.1:1", grpc_endpoint="127.0.0.1:1"
)
HERE = {"sec-fetch-site": "same-origin"}
ADA = OnLoopback("ada")
TYPED = "what was typed <b>\nat length"


def hello(visit):
    return Shown("layout/unknown.html.j2", {"message": f"hello {visit.person.name}"})


def done(visit):
    return Moved("/hello", f"done: {visit.form['word']}")


def raises(error):
    def handler(_visit):
        raise error

    return handler


def breaking_off(why):
    raise TablesError(why)


def breaking():
    yield b"first\n"
    yield from breaking_off("BigQuery went away")


def unbegun():
    yield from breaking_off("BigQuery is away")


PAGES = (
    Page("/hello", hello),
    Page("/write", done, Role.WRITER, changes=True),
    Page("/away", raises(TablesError("BigQuery is away.")), Role.REVIEWER, changes=True),
    Page("/wrong", raises(RefusedError("that is gone", HTTPStatus.CONFLICT)), changes=True),
    Page("/defect", raises(RuntimeError("a post's text")), changes=True),
    Page("/unfilled", lambda _: Shown("layout/unknown.html.j2", {})),
    Page("/elsewhere", lambda _: Moved("//planted.example/"), changes=True),
    Page("/file", lambda _: Saved("a b.csv", "text/csv", [b"a", b"b"])),
    Page("/nothing", lambda _: Saved("a.csv", "text/csv", [])),
    Page("/unbegun", lambda _: Saved("a.csv", "text/csv", unbegun())),
    Page("/breaking", lambda _: Saved("a.csv", "text/csv", breaking())),
)


@pytest.fixture
def client(monkeypatch):
    """A browser at a console of these pages, by who uses it."""
    monkeypatch.setattr(web, "ROOMS", (Room("Hello", "/hello", PAGES),))

    def at(access=ADA, base="http://127.0.0.1:8766", **more):
        app = web.application(Setup(NOWHERE, access, **more))
        return TestClient(app, base_url=base, follow_redirects=False)

    return at


def with_role(role, name="grace", token="t"):
    return ByToken({hashlib.sha256(token.encode()).hexdigest(): Person(name, role)})


def signed_in(client, role, **more):
    browser = client(with_role(role), **more)
    answer = browser.post("/sign-in", data={"token": "t"}, headers=HERE)
    assert answer.status_code == HTTPStatus.SEE_OTHER
    return browser


@pytest.mark.parametrize("path", ["/hello", "/", "/static/console.js", "/no", "/unfilled", "/file"])
def test_every_answer_has_the_headers(client, path):
    answer = client().get(path)
    ours = HEADERS | ({"cache-control": "no-cache"} if "static" in path else {})
    assert {name: answer.headers[name] for name in ours} == ours
    assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "rebound.example"}, 421),
        ({"host": "127.0.0.1.example"}, 421),
        ({"host": "0.0.0.0:8766"}, 421),
        ({"host": ""}, 421),
        ({"host": "[::1]:8766"}, 200),
        ({"host": "LOCALHOST:1"}, 200),
        (
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "no-cors",
                "sec-fetch-dest": "image",
            },
            403,
        ),
        (
            {
                "sec-fetch-site": "same-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "iframe",
            },
            403,
        ),
        (
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            200,
        ),
        (
            {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            200,
        ),
    ],
)
def test_pages_are_given_to_browsers_of_the_console_and_to_whoever_follows_a_link(
    client, headers, status
):
    answer = client().get("/hello", headers=headers)
    assert answer.status_code == status
    assert "content-security-policy" in answer.headers


def test_a_name_that_access_has_is_answered_to(client):
    access = ByToken({}, frozenset({"weir.example.org"}))
    assert client(access, "https://weir.example.org:8443").get("/sign-in").is_success
    assert client(access, "https://other.example.org").get("/sign-in").status_code == 421


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (HERE, 303),
        ({"origin": "http://127.0.0.1:8766"}, 303),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://planted.example"}, 403),
        (
            {
                "sec-fetch-site": "cross-site",
                "sec-fetch-mode": "navigate",
                "sec-fetch-dest": "document",
            },
            403,
        ),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8766"}, 403),
        ({"sec-fetch-site": "none"}, 403),
    ],
)
def test_only_a_page_of_the_console_changes_anything(client, headers, status):
    answer = client().post("/write", data={"word": "x"}, headers=headers)
    assert answer.status_code == status


def test_what_was_done_is_said_on_the_next_page_once_and_as_text(client):
    browser = client()
    browser.post("/write", data={"word": "<b>é</b>"}, headers=HERE)
    part = browser.get("/hello", headers={web.FRAGMENT: "1"})
    assert "done" not in part.text
    assert "done: &lt;b&gt;é&lt;/b&gt;" in browser.get("/hello").text
    assert "done" not in browser.get("/hello").text


def test_a_forged_word_of_the_page_before_is_text_or_nothing(client):
    for cookie in ("PHNjcmlwdD4=", "!", "gICA"):
        answer = client().get("/hello", headers={"cookie": f"weir-said={cookie}"})
        assert answer.is_success
        assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/away", 503), ("/wrong", 409), ("/defect", 500)],
)
def test_an_error_page_holds_all_that_was_typed(client, path, status):
    sent = {"reason": TYPED, "chosen": ["1", "2"]}
    answer = client().post(f"{path}?a=1", data=sent, headers=HERE)
    assert answer.status_code == status
    assert "what was typed &lt;b&gt;\nat length</textarea>" in answer.text
    assert f'action="{path}?a=1"' in answer.text
    assert answer.text.count('name="chosen"') == 2


@pytest.mark.parametrize("way", ["post", "get"])
def test_a_defect_says_nothing_of_what_it_met(client, caplog, way):
    browser = client()
    answer = (
        browser.post("/defect", data={"word": "x"}, headers=HERE)
        if way == "post"
        else browser.get("/unfilled")
    )
    assert answer.status_code == 500
    assert "defect" in answer.text
    assert "a post's text" not in answer.text + caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].exc_info is None


def test_a_reader_is_refused_at_a_writers_address_and_keeps_what_was_typed(client):
    answer = signed_in(client, Role.REVIEWER).post("/write", data={"word": TYPED}, headers=HERE)
    assert answer.status_code == 403
    assert "needs the role policy writer, and grace is a reviewer" in answer.text
    assert "at length</textarea>" in answer.text


def test_in_a_read_only_console_nobody_changes_anything(client):
    browser = signed_in(client, Role.OPERATOR, read_only=True)
    assert browser.get("/hello").is_success
    answer = browser.post("/write", data={"word": "x"}, headers=HERE)
    assert answer.status_code == 403
    assert "read-only" in answer.text


def test_every_page_that_changes_something_needs_more_than_a_reader():
    pages = [page for room in ROOMS for page in room.pages]
    assert [page.path for page in pages if page.changes and page.role is Role.READER] == []


def test_what_was_typed_outlives_a_session_that_ended(client):
    answer = client(with_role(Role.WRITER)).post("/write", data={"word": TYPED}, headers=HERE)
    assert answer.status_code == 401
    assert "at length</textarea>" in answer.text
    assert 'href="/sign-in"' in answer.text
    assert "nobody" not in answer.text


@pytest.mark.parametrize(
    ("sent", "headers", "status"),
    [
        ({"content": b"a=" + b"x" * forms.MOST_BYTES}, {}, 413),
        ({"content": b"a=1&" * 20_001}, {}, 400),
        ({"content": b"a=%ff"}, {}, 400),
        ({"content": b"a=\xff"}, {}, 400),
        ({"content": b"{}"}, {"content-type": "application/json"}, 415),
        ({"files": {"f": b"x"}}, {}, 415),
        ({"content": b"a=1"}, {"content-type": "text/plain"}, 415),
    ],
)
def test_what_is_no_form_of_the_console_is_refused(client, sent, headers, status):
    given = {} if "files" in sent else {"content-type": "application/x-www-form-urlencoded"}
    answer = client().post("/write", **sent, headers=HERE | given | headers)
    assert answer.status_code == status


def test_a_long_address_is_refused(client):
    assert client().get("/hello?text=" + "x" * 8_200).status_code == 414
    assert client().get("/hello?text=" + "x" * 8_000).is_success


def test_who_is_not_known_signs_in_and_goes_on_where_they_were(client):
    browser = client(with_role(Role.READER))
    answer = browser.get("/hello?a=1&b=%2F")
    assert answer.headers["location"] == "/sign-in?to=%2Fhello%3Fa%3D1%26b%3D%252F"
    form = browser.get(answer.headers["location"])
    assert 'action="/sign-in?to=%2Fhello%3Fa%3D1%26b%3D%252F"' in form.text
    after = browser.post(answer.headers["location"], data={"token": " t "}, headers=HERE)
    assert after.headers["location"] == "/hello?a=1&b=%2F"
    assert "hello grace" in browser.get("/hello").text


def test_a_wrong_token_signs_nobody_in(client):
    browser = client(with_role(Role.READER))
    answer = browser.post("/sign-in", data={"token": "wrong"}, headers=HERE)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "no token of anybody" in answer.text
    assert "wrong" not in answer.text


def test_nobody_is_signed_in_by_a_page_elsewhere(client):
    answer = client(with_role(Role.READER)).post("/sign-in", data={"token": "t"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_the_form_of_a_token_is_bounded(client):
    sent = b"token=" + b"x" * forms.MOST_BYTES
    headers = HERE | {"content-type": "application/x-www-form-urlencoded"}
    answer = client(with_role(Role.READER)).post("/sign-in", content=sent, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "to",
    [
        "//planted.example",
        "/\\planted.example",
        "https://planted.example",
        "planted.example",
        "/\t/planted.example",
        "javascript:alert(1)",
        "",
        "\\\\planted.example",
    ],
)
def test_signing_in_leads_nowhere_else(client, to):
    browser = client(with_role(Role.READER))
    answer = browser.post("/sign-in", params={"to": to}, data={"token": "t"}, headers=HERE)
    assert answer.headers["location"] in ("/", "/%09/planted.example")


def test_a_page_leads_nowhere_else(client):
    assert client().post("/elsewhere", data={"word": "x"}, headers=HERE).headers["location"] == "/"


@pytest.mark.parametrize(
    ("base", "secure"),
    [
        ("https://weir.example.org", True),
        ("http://127.0.0.1:8766", False),
        ("http://[::1]:8766", False),
        ("http://localhost", False),
    ],
)
def test_no_script_reads_a_session_and_only_loopback_sends_it_in_the_clear(client, base, secure):
    access = ByToken(with_role(Role.READER).people, frozenset({"weir.example.org"}))
    answer = client(access, base).post("/sign-in", data={"token": "t"}, headers=HERE)
    flags = {each.strip().lower() for each in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert ("secure" in flags) is secure


def test_signing_out_ends_the_session(client):
    browser = signed_in(client, Role.READER)
    browser.post("/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert browser.get("/hello").is_success
    browser.post("/sign-out", headers=HERE)
    assert browser.get("/hello").status_code == 303


def test_a_cookie_of_anything_signs_nobody_in(client):
    browser = client(with_role(Role.READER))
    for cookie in ("é", "9" * 6000, "1.2", "\x7f"):
        answer = browser.get(
            "/hello", headers={"cookie": f"weir-session={cookie}".encode("latin-1")}
        )
        assert answer.status_code == 303


def test_there_is_a_page_for_what_is_missing_and_one_for_what_is_only_sent(client):
    browser = client()
    missing, only_sent = browser.get("/no-such"), browser.get("/write")
    assert (missing.status_code, only_sent.status_code) == (404, 405)
    assert only_sent.headers["allow"] == "POST"
    assert all('href="/hello"' in answer.text for answer in (missing, only_sent))
    assert 'href="/hello"' not in client(with_role(Role.READER)).get("/no-such").text


def test_a_part_comes_without_what_is_around_a_page(client):
    browser = client()
    for path in ("/hello", "/unfilled"):
        assert "<html" in browser.get(path).text
        assert "<html" not in browser.get(path, headers={web.FRAGMENT: "1"}).text


def test_a_question_for_the_headers_alone_is_answered(client):
    answer = client().head("/hello")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_file_is_sent_to_be_kept(client):
    answer = client().get("/file")
    assert answer.content == b"ab"
    assert answer.headers["content-disposition"] == 'attachment; filename="a%20b.csv"'
    assert client().get("/nothing").content == b""


def test_a_file_that_cannot_be_begun_is_an_error_with_a_page(client):
    answer = client().get("/unbegun")
    assert answer.status_code == 503
    assert "BigQuery is away" in answer.text
    assert "content-disposition" not in answer.headers


def test_a_file_that_breaks_off_is_logged_by_the_kind_of_error_alone(client, caplog):
    client().get("/breaking")
    assert "TablesError" in caplog.text
    assert "went away" not in caplog.text


def test_whom_no_proxy_names_is_told_so(client):
    class Nobody(OnLoopback):
        def person(self, headers, token):
            return None

    browser = client(Nobody("x"))
    assert browser.get("/hello").status_code == 401
    assert browser.get("/").status_code == 401
    assert browser.get("/sign-in").status_code == 303
    assert browser.post("/write", data={"word": "x"}, headers=HERE).status_code == 401
