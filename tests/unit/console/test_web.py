"""What is around every page: who may, what a form may hold, and what errors say."""

import logging

import pytest
from starlette.testclient import TestClient

from tests.unit.console.made_up import ADA, HERE, NOWHERE, TYPED, signed_in, with_role
from weir.pipelines.console import forms, web
from weir.pipelines.console.access import ByToken
from weir.pipelines.console.guard import HEADERS
from weir.pipelines.console.people import Role
from weir.pipelines.console.rooms import ROOMS
from weir.pipelines.console.setup import Setup


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


def test_a_page_leads_nowhere_else(client):
    assert client().post("/elsewhere", data={"word": "x"}, headers=HERE).headers["location"] == "/"


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


@pytest.mark.parametrize(
    ("asked", "hint", "without"),
    [
        ("polcy=spam&run=a", "did you mean policy?", "/filtered?run=a"),
        ("z=1", "it asks for run, policy", "/filtered"),
    ],
)
def test_a_filter_that_a_page_does_not_have_is_refused_with_a_way_without_it(
    client, asked, hint, without
):
    answer = client().get(f"/filtered?{asked}")
    assert answer.status_code == 400
    assert hint in answer.text
    assert f'href="{without}"' in answer.text
    assert client().get("/filtered?policy=spam&run=").is_success


def test_a_filter_that_is_refused_is_there_to_be_mended(client):
    answer = client().get("/filtered?policy=no&run=live")
    assert answer.status_code == 400
    assert "That is no policy" in answer.text
    assert 'name="policy" value="no"' in answer.text
    assert 'name="run" value="live"' in answer.text


def test_a_part_of_a_page_that_is_refused_has_no_form_of_its_own(client):
    answer = client().get("/filtered?policy=no&run=live", headers={web.FRAGMENT: "1"})
    assert "That is no policy" in answer.text
    assert "<form" not in answer.text


def test_a_form_that_is_refused_comes_back_with_why_and_with_what_was_typed(client):
    answer = client().post("/mended", data={"word": TYPED}, headers=HERE)
    assert answer.status_code == 400
    assert "That did not work: no such word." in answer.text
    assert "the form with what was typed &lt;b&gt;\nat length" in answer.text
    assert '<a href="/on">A way</a>' in answer.text


def test_a_form_of_a_button_alone_that_is_refused_comes_back_with_why(client):
    nothing = {"content-type": "application/x-www-form-urlencoded"}
    answer = client().post("/pressed", content=b"", headers=HERE | nothing)
    assert answer.status_code == 400
    assert "That did not work: nobody is there." in answer.text
    assert "hello ada" in answer.text


def test_what_was_typed_is_kept_where_its_form_cannot_be_shown(client):
    answer = client().post("/torn", data={"word": TYPED}, headers=HERE)
    assert answer.status_code == 400
    assert "at length</textarea>" in answer.text


@pytest.mark.parametrize("path", ["/lost", "/blank"])
def test_a_defect_of_a_form_that_is_shown_again_is_logged_and_loses_nothing(client, caplog, path):
    answer = client().post(path, data={"word": TYPED}, headers=HERE)
    assert answer.status_code == 500
    assert "defect" in answer.text
    assert "at length</textarea>" in answer.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    "address",
    ["/now?dyas=7", "/posts?polcy=spam", "/posts/rows?x=1", "/posts/count?x=1", "/review?quue=all",
     "/review/agreement?x=1", "/policies?x=1", "/runs?x=1", "/compare?rnu=a", "/changes?who=ada",
     "/run-parts/compared?a=x", "/changes.csv?x=1", "/dead-letters?resaon=x",
     "/dead-letters/letters?x=1"],
)  # fmt: skip
def test_every_page_that_filters_refuses_a_filter_that_it_does_not_have(address):
    app = web.application(Setup(NOWHERE, ADA))
    browser = TestClient(app, base_url="http://127.0.0.1:8766", follow_redirects=False)
    answer = browser.get(address)
    assert answer.status_code == 400
    assert "This page has no filter" in answer.text


@pytest.mark.parametrize(
    ("address", "room"),
    [("/compare?run=a", "Runs"), ("/replay", "Runs"), ("/dead-letters/deferred", "Dead letters"),
     ("/policies/spam/try", "Policies"), ("/now?days=7", "Now"), ("/sign-in", None)],
)  # fmt: skip
def test_the_room_of_a_page_is_told_among_the_links(address, room):
    assert [each.title for each in ROOMS if each.has(address)] == ([room] if room else [])


def test_a_question_ends_in_its_own_mark(client):
    assert "did you mean policy?<" in client().get("/filtered?polcy=spam").text
