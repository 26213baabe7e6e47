"""The sample of posts that ``weir demo`` moderates when it is given no file."""

import json
import re
import unicodedata
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from weir.pipelines.demo import input_posts
from weir.pipelines.posts import SAMPLE, read_posts
from weir.transforms.decode import DecodeSettings

FIELDS = {"id", "text", "created_at", "lang", "community", "author", "about"}
POLICIES = {
    "hate",
    "harassment",
    "sexual-content",
    "self-harm",
    "violence",
    "spam",
    "online-fraud",
    "game-cheating",
}
FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
LAST_DAY = datetime(2026, 11, 14, tzinfo=UTC)


@pytest.fixture(scope="module")
def posts() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]


def kinds(posts: list[dict[str, Any]]) -> Counter[str]:
    """Count posts by the first word of ``about``: everyday, violates, evades, near or markup."""
    return Counter(post["about"].split()[0] for post in posts)


def test_the_reader_finds_every_post_under_its_own_id(posts):
    keys = [key for key, _ in read_posts(SAMPLE, DecodeSettings()).messages]
    assert keys == [post["id"].encode() for post in posts]
    assert len(set(keys)) == len(keys)


def test_the_demo_has_them_all_up_to_now_as_far_apart_as_they_are(posts):
    moved = [json.loads(value) for _, value in input_posts(None, DecodeSettings()).messages]
    said, now = (
        [datetime.fromisoformat(post["created_at"]) for post in each] for each in (posts, moved)
    )
    assert len({after - before for before, after in zip(said, now, strict=True)}) == 1
    assert abs(datetime.now(UTC) - max(now)) < timedelta(minutes=10)
    assert [post | {"created_at": ""} for post in moved] == [
        post | {"created_at": ""} for post in posts
    ]


def test_every_post_has_these_fields_as_strings_and_no_others(posts):
    assert all(set(post) == FIELDS for post in posts)
    assert all(isinstance(value, str) and value for post in posts for value in post.values())


def test_no_two_posts_say_the_same(posts):
    folded = [
        "".join(c for c in unicodedata.normalize("NFKC", post["text"]).casefold() if c.isalnum())
        or post["text"]
        for post in posts
    ]
    assert [text for text, n in Counter(folded).items() if n > 1] == []


def test_posts_lie_in_order_within_a_fortnight(posts):
    times = [datetime.fromisoformat(post["created_at"]) for post in posts]
    assert all(time.utcoffset() == timedelta(0) for time in times)
    assert times == sorted(times)
    assert {time.date() for time in times} == {
        (FIRST_DAY + timedelta(days=n)).date() for n in range((LAST_DAY - FIRST_DAY).days + 1)
    }


def test_the_file_stays_small():
    assert SAMPLE.stat().st_size < 300_000


def test_posts_come_in_eight_languages_and_more(posts):
    languages = Counter(post["lang"].split("-")[0] for post in posts)
    assert {"en", "es", "fr", "de", "pt", "it", "tr", "ja", "ar", "hi", "ru"} <= set(languages)
    assert all(languages[code] >= 5 for code in ("es", "fr", "de", "pt", "it", "tr", "ja", "ru"))


def test_every_policy_of_the_library_has_violations_evasions_and_near_misses(posts):
    meant = {post["about"] for post in posts}
    plain = {"everyday", "markup"}
    assert meant == plain | {f"{k} {p}" for k in ("violates", "evades", "near") for p in POLICIES}


def test_three_posts_in_four_are_ordinary_as_on_a_real_site(posts):
    count = kinds(posts)
    assert len(posts) >= 520
    assert count["evades"] >= 20
    assert count["near"] >= 40
    assert 0.75 <= (count["everyday"] + count["markup"]) / len(posts) <= 0.80


def test_the_sample_holds_what_breaks_careless_code(posts):
    texts = [post["text"] for post in posts]
    for fragment in (
        "<script>",
        "DROP TABLE",
        "<|start|>",
        "\u200b",
        "ＢＯＯＳＴ",
        "%s%n",
        "../..",
    ):
        assert any(fragment in text for text in texts), fragment
    assert min(map(len, texts)) <= 2
    assert max(map(len, texts)) >= 900


def test_links_lead_nowhere(posts):
    link = re.compile(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org|io|info|biz|co)\b")
    found = [match for post in posts for match in link.findall(post["text"].replace("\u200b", ""))]
    assert found
    assert [d for d in found if not re.search(r"(^|\.)example\.(com|net|org)$", d)] == []
