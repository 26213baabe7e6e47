"""Who signs in, what their browser keeps, and where they are led."""

import pytest

from tests.unit.console.made_up import HERE, TYPED, signed_in, with_role
from weir.pipelines.console import forms
from weir.pipelines.console.access import ByToken, OnLoopback
from weir.pipelines.console.people import Role


def test_what_was_typed_outlives_a_session_that_ended(client):
    answer = client(with_role(Role.WRITER)).post("/write", data={"word": TYPED}, headers=HERE)
    assert answer.status_code == 401
    assert "at length</textarea>" in answer.text
    assert 'href="/sign-in"' in answer.text
    assert "nobody" not in answer.text


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


def test_a_sign_out_that_is_refused_says_so(client):
    browser = signed_in(client, Role.READER)
    answer = browser.post("/sign-out")
    assert answer.status_code == 403
    assert "still signed in" in answer.text
    assert browser.get("/hello").is_success


def test_a_cookie_of_anything_signs_nobody_in(client):
    browser = client(with_role(Role.READER))
    for cookie in ("é", "9" * 6000, "1.2", "\x7f"):
        answer = browser.get(
            "/hello", headers={"cookie": f"weir-session={cookie}".encode("latin-1")}
        )
        assert answer.status_code == 303


def test_whom_no_proxy_names_is_told_so(client):
    class Nobody(OnLoopback):
        def person(self, headers, token):
            return None

    browser = client(Nobody("x"))
    assert browser.get("/hello").status_code == 401
    assert browser.get("/").status_code == 401
    assert browser.get("/sign-in").status_code == 303
    assert browser.post("/write", data={"word": "x"}, headers=HERE).status_code == 401
