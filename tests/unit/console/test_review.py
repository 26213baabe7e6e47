"""The page of one post, whatever the post is, and how far people agree."""

import hashlib
import re
import string
import threading
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile_posts import POSTS
from tests.unit.console.visits import page, visit
from weir.pipelines.console.people import Role
from weir.pipelines.console.reference import Reference, joined, parse_all
from weir.pipelines.console.review import deciding, pages
from weir.pipelines.console.review.queues import Asked, hash_below, is_for_second
from weir.pipelines.console.review.standing import PolicyText, Standing
from weir.pipelines.console.visit import RefusedError
from weir.pipelines.reviews.agreement import Pairs, kappa

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
REFERENCE = Reference("d-1", "spam", NOON)
POLICY = PolicyText("v1", "Spam", "No spam.", {"S1": "offers"})
MADE = {
    "content_id": "p1",
    "topic": "posts",
    "partition": 0,
    "offset": 1,
    "policy_version": "v1",
    "language": "en",
    "attributes": None,
    "verdict": "violates",
    "probability": 0.9,
    "rule_ids": ["S1"],
    "rationale": "why",
    "route": "escalate",
    "score": 0.5,
    "model": "m",
}


def shown(monkeypatch, query=None, role=Role.REVIEWER, reviews=(), **made):
    """Return the page of a post that was made of this."""
    standing = Standing(REFERENCE, MADE | made, "violates", "violates", "v1", reviews)
    monkeypatch.setattr(pages, "look_up", lambda *_: standing)
    monkeypatch.setattr(pages, "policy_texts", lambda *_: (POLICY, POLICY))
    asked = {"queue": "all", "post": str(REFERENCE)} | (query or {})
    seen = visit("policies", query=asked, role=role)
    return page(pages.post(seen), seen)


@pytest.mark.parametrize("name", POSTS)
def test_whatever_a_post_says_is_shown_as_text_and_stands_in_no_address(monkeypatch, name):
    attack = '<script>x</script>" onload="y'
    page = shown(
        monkeypatch,
        text=POSTS[name] + attack,
        rationale="<img src=x>",
        attributes='{"<b>title": "<i>quoted"}',
        language='"><script>',
    )
    assert "&lt;script&gt;x" in page
    assert not re.search(r"<script>|<img|<b>|<i>|onload=\"y", page)
    assert "\u202e" not in page
    assert all("script" not in each for each in re.findall(r'(?:href|action)="([^"]*)"', page))


def test_a_post_of_a_megabyte_is_shown_whole(monkeypatch):
    assert shown(monkeypatch, text="ab" * 500_000).count("ab") >= 500_000


def test_the_text_is_blurred_until_the_address_says_otherwise(monkeypatch):
    switch = re.compile(r'<input type="checkbox" class="blur-switch"[^>]*>')
    assert " checked" in switch.search(shown(monkeypatch, text="a"))[0]
    assert " checked" not in switch.search(shown(monkeypatch, {"blur": "0"}, text="a"))[0]


def test_what_a_complaint_is_about_is_not_hidden(monkeypatch):
    def hides(queue):
        asked = visit("policies", query={"queue": queue, "blind": "1"}, role=Role.REVIEWER)
        return Asked.of(asked).blind

    assert (hides("doubt"), hides("complaints")) == (True, False)


def test_of_two_who_decide_one_complaint_the_second_waits_until_the_first_has(monkeypatch):
    settled = []

    def settle(seen, *_):
        settled.append(f"{seen.person.name} begins")
        if seen.person.name == "ada":
            second.start()
            second.join(0.2)  # it would be done by then
        settled.append(f"{seen.person.name} ends")
        return "the complaint is upheld"

    def decide(who):
        form = {"post": str(REFERENCE), "verdict": "violates"}
        seen = visit("policies", query={"queue": "complaints"}, form=form, role=Role.REVIEWER)
        deciding.decide(replace(seen, person=replace(seen.person, name=who)))

    standing = Standing(REFERENCE, MADE, "violates", "violates", "v1", ())
    monkeypatch.setattr(deciding, "look_up", lambda *_: standing)
    monkeypatch.setattr(deciding, "settle_by", settle)
    second = threading.Thread(target=decide, args=["bea"])
    decide("ada")
    second.join()
    assert settled == ["ada begins", "ada ends", "bea begins", "bea ends"]


def test_every_action_has_a_key(monkeypatch):
    page = shown(monkeypatch, {"last": str(REFERENCE), "blind": "1"}, text="a")
    assert set(re.findall(r'data-key="(\w)"', page)) == set("vsknubot")


@given(
    st.lists(
        st.builds(
            Reference,
            st.text(string.hexdigits.lower() + "~_-", min_size=1, max_size=40),
            st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=9).filter(
                lambda policy_id: policy_id[0] != "-"
            ),
            st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),
        )
    )
)
def test_decisions_stand_in_an_address_and_come_back(references):
    assert parse_all(joined(references)) == tuple(references)


@pytest.mark.parametrize("text", ["", "a", "a~spam", "a~Spam~1", "a~spam~x", "a~spam~-1", "~s~1"])
def test_what_names_no_decision_is_refused(text):
    with pytest.raises(RefusedError, match="names no decision"):
        Reference.parse(text)


def test_a_larger_share_for_a_second_person_holds_the_smaller_one():
    ids = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(2_000)]
    drawn = [{each for each in ids if is_for_second(each, share)} for share in (0, 0.1, 0.5, 1)]
    assert [len(each) for each in drawn] == [0, pytest.approx(200, abs=50), *map(len, drawn[2:])]
    assert drawn[0] < drawn[1] < drawn[2] < drawn[3] == set(ids)
    assert hash_below(1) > "f" * 32


def test_kappa_is_that_of_cohen():
    # Agreed on 7 of 10, where chance alone gives (5 * 6 + 5 * 4) / 100.
    assert kappa(Pairs(4, 1, 2, 3)).value == pytest.approx((0.7 - 0.5) / (1 - 0.5))
    assert kappa(Pairs(5, 0, 0, 5)).value == 1
    assert kappa(Pairs(0, 5, 5, 0)).value == -1
    assert kappa(Pairs()) is None


def test_where_all_say_one_thing_there_is_no_kappa_and_the_interval_says_how_little_is_known():
    found = kappa(Pairs(safe_safe=12))
    assert found.value is None
    assert found.high - found.low > 0.5


def test_all_agreeing_is_certain_only_as_far_as_there_are_posts():
    few, many = kappa(Pairs(3, 0, 0, 3)), kappa(Pairs(300, 0, 0, 300))
    assert few.low < 0.6 < 0.98 < many.low
    assert few.high <= 1


@pytest.mark.parametrize(("violating", "true"), [(0.5, 0.6), (0.1, 0.8)])
def test_the_interval_holds_the_kappa_of_simulated_reviewers_as_often_as_it_says(violating, true):
    safe, apart = 1 - violating, violating * (1 - violating) * (1 - true)
    shares = [
        violating**2 + violating * safe * true,
        apart,
        apart,
        safe**2 + violating * safe * true,
    ]
    tables = np.random.default_rng(1).multinomial(50, shares, 300).tolist()
    found = [kappa(Pairs(*table)) for table in tables]
    held = sum(each.low <= true <= each.high for each in found)
    assert 0.91 <= held / len(found) <= 0.985
    values = [each.value for each in found if each.value is not None]
    assert np.mean(values) == pytest.approx(true, abs=0.04)
