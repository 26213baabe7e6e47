"""What an address of Posts means, without a server."""

import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.console import visits
from weir.pipelines.console.posts import pages
from weir.pipelines.console.posts.filters import Filter, read_filter
from weir.pipelines.console.posts.search import Place, _spans, read_place, search
from weir.pipelines.console.posts.text import said_of
from weir.pipelines.console.posts.way import card_thresholds
from weir.pipelines.console.visit import Moved, RefusedError
from weir.transforms.decode.pseudonyms import pseudonym

KEY = "k" * 32
NOW = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)


def visit(**query):
    return replace(visits.visit("none", query=query), now=NOW)


def test_the_last_seven_days_are_looked_at_where_nobody_says_otherwise():
    wanted = read_filter(visit())
    assert (wanted.since, wanted.until) == (datetime(2026, 2, 26, tzinfo=UTC), None)


def test_a_day_is_meant_to_its_end_and_a_time_to_the_second():
    wanted = read_filter(visit(since="2026-03-01", until="2026-03-02"))
    assert wanted.until == datetime(2026, 3, 3, tzinfo=UTC)
    wanted = read_filter(visit(since="2026-03-01T10:00", until="2026-03-01T12:00+01:00"))
    assert wanted.until == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"since": "yesterday"}, "since is no day such as"),
        ({"until": "2026-02-30"}, "until is no day such as"),
        ({"until": "9999-12-31"}, "until is no day such as"),
        ({"since": "0001-01-01"}, "outside the years"),
        ({"since": "2026-03-04", "until": "2026-03-03"}, "give a later until"),
        ({"label": "violate"}, "violates"),
        ({"route": "x"}, "route is none of those"),
        ({"by": "me"}, "by is none of those"),
        ({"text": "x\x00y"}, "holds one that no text has"),
        ({"id": "x" * 1_025}, "longer than 1,024"),
    ],
)
def test_what_means_nothing_is_refused_in_a_sentence(query, why):
    with pytest.raises(RefusedError, match=why):
        read_filter(visit(**query))


def test_an_authors_id_is_turned_into_its_pseudonym_and_stands_in_no_address(monkeypatch):
    monkeypatch.setenv("WEIR_PSEUDONYM_KEY", KEY)
    assert read_filter(visit(author="robin")).authors == (pseudonym(KEY, "robin"),)
    moved = pages.show(visit(author="robin"))
    assert moved == Moved(f"/posts?author={pseudonym(KEY, 'robin')}")


def test_a_pseudonym_is_taken_as_it_is_and_as_the_id_it_might_be(monkeypatch):
    monkeypatch.setenv("WEIR_PSEUDONYM_KEY", KEY)
    known = pseudonym(KEY, "robin")
    assert read_filter(visit(author=known)).authors == (known, pseudonym(KEY, known))


def test_without_the_key_what_is_typed_is_the_pseudonym(monkeypatch):
    monkeypatch.delenv("WEIR_PSEUDONYM_KEY", raising=False)
    assert read_filter(visit(author="robin")).authors == ("robin",)


def test_what_a_form_left_empty_stands_in_no_address():
    assert pages.show(visit(text="", label="safe", run="")) == Moved("/posts?label=safe")


def test_nothing_that_was_typed_stands_in_a_statement():
    typed = "'; DROP TABLE x; --"
    wanted = read_filter(visit(text=typed, policy=typed, rule=typed, topic=typed, run=typed))
    assert typed not in wanted.on_labels() + "".join(wanted.tables().values())
    assert wanted.values()["text"] == typed


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=20),
    st.integers(0, 1 << 31),
    st.integers(0, (1 << 63) - 1),
    st.sampled_from(["", "violates", "indeterminate"]),
)
def test_a_place_in_the_list_is_read_back_from_an_address(at, topic, partition, offset, worst):
    place = Place(worst, at, topic, partition, offset)
    assert read_place(str(place)) == place


@pytest.mark.parametrize(
    "said",
    [
        "x",
        ",2026-03-04,posts,0,1",
        "safe,2026-03-04T12:00Z,posts,0,1",
        "a,b,c,d,e",
        ",,,,",
        "9" * 99,
    ],
)
def test_a_place_that_is_none_is_refused(said):
    with pytest.raises(RefusedError, match="after names no place"):
        read_place(said)


@given(st.integers(0, 400), st.integers(0, 86_399), st.booleans())
def test_days_are_looked_through_once_each_from_the_newest_on(days, seconds, bounded):
    newest = NOW + timedelta(seconds=seconds)
    until = newest.replace(hour=0, minute=0, second=0) if bounded else None
    since = (until or newest) - timedelta(days=days, seconds=1)
    spans = list(_spans(Filter("live", since, until, policy="spam"), newest))
    assert spans[0].until == until
    assert spans[-1].since == since
    for earlier, later in zip(spans[1:], spans, strict=False):
        assert earlier.until == later.since
        assert earlier.since < earlier.until


def test_what_is_rare_is_looked_for_in_all_days_at_once():
    since = NOW - timedelta(days=30)
    assert len(list(_spans(Filter("live", since, text="x"), NOW))) == 1


def test_where_nothing_comes_first_few_of_the_newest_are_looked_at_all_the_same():
    asked = []

    class Empty:
        name = "p.d"

        def rows(self, sql, **_values):
            asked.extend(re.findall(r"LIMIT (\d+)$", sql))
            return []

    wanted = Filter("live", NOW - timedelta(hours=1))
    empty: Any = Empty()
    assert search(empty, wanted, None, NOW).posts == []
    assert asked == ["400"] * 3


@pytest.mark.parametrize("text", [None, "", "hmac-sha256:" + "0" * 64])
def test_a_text_that_is_not_there_is_said_why(text):
    said = said_of(text)
    assert said.text is None
    assert said.why_not


@pytest.mark.parametrize("card", [None, "", "[]", "{", '{"heads": [1]}', '{"heads": [{"a": 1}]}'])
def test_a_card_without_thresholds_has_none(card):
    assert card_thresholds(card, 1) == {}
