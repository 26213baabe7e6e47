"""Near-copies: which posts may take the verdict of another, and which never."""

import gc
import re
import tracemalloc
from dataclasses import replace
from itertools import permutations
from threading import Thread

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from weir.transforms.judge.engine import Completion
from weir.transforms.judge.near_copies import (
    ADDED_WORDS,
    FEWEST_WORDS,
    NearCopies,
    Source,
    sketches,
)

ADVERT = "Dear customer, our shop sells the very best watches at half price until Sunday"
LONG = " ".join(f"word{n}" for n in range(70))
COMPLETION = Completion('{"violation": 1}', reasoning="It sells.", probability=0.9)


def post(text):
    return sketches(pa.array([text]))[0]


def kept(text, *, violates):
    copies = NearCopies(1 << 19)
    copies.put(Source("d", violates, post(text), COMPLETION), "q")
    return copies


def takes(source, copy, *, violates=True):
    return kept(source, violates=violates).find(post(copy), "q") is not None


@pytest.mark.parametrize("violates", [True, False])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Your order 10023455 has left us", "Your order 99871234 has left us"),
        ("It ran at 2026-03-04 12:30:01.", "It ran at 2025-11-28 07:01:59."),
        ("Call 555-0100-22", "Call 555-0199-71"),
    ],
)
def test_a_copy_with_other_long_numbers_takes_any_verdict(one, other, violates):
    assert takes(one, other, violates=violates)


@pytest.mark.parametrize(
    "copy",
    [
        "She is 12 years old",
        "She is 21 years old!",
        "she is 21 years old",
        "She is 21  years old",
        "She is 21 years\nold",
        "She is 21 years old 14881",
        "She is \u200b21 years old",
    ],
)
def test_what_differs_by_more_than_long_numbers_is_never_cleared_by_its_likeness(copy):
    assert not takes("She is 21 years old", copy, violates=False)


@pytest.mark.parametrize("sign", ["#", "#-", "##"])
def test_no_sign_in_a_safe_text_passes_for_a_long_number(sign):
    assert not takes(f"my number is {sign}", "my number is 123-45-6789", violates=False)


WORDS = st.sampled_from(["buy", "sell", "not", "the", "Pills", "7", "42", "12345", "998877", "x1"])
TEXTS = st.lists(WORDS, min_size=1, max_size=14).map(" ".join)


def masked(text):
    return re.sub(r"\b\d{5,}\b", "#", text)


@given(TEXTS, TEXTS)
def test_a_safe_verdict_goes_to_texts_that_are_equal_but_for_long_numbers(source, copy):
    assert takes(source, copy, violates=False) == (masked(source) == masked(copy))


@given(st.text(min_size=1, max_size=40), st.integers(0, len(LONG)))
def test_whatever_is_put_into_a_safe_text_has_to_be_judged(hidden, at):
    assert not takes(LONG, LONG[:at] + hidden + LONG[at:], violates=False)


@pytest.mark.parametrize(
    "copy",
    [
        ADVERT.upper(),
        f"Hi! {ADVERT} xkqzt",
        f"{ADVERT}!!! 1002003",
        ADVERT.replace("best", "b\u0435st"),
    ],
)
def test_a_copy_of_what_violates_and_a_few_words_takes_its_verdict(copy):
    assert takes(ADVERT, copy)


@pytest.mark.parametrize(
    ("source", "copy"),
    [
        (ADVERT, ADVERT.replace("best", "worst")),
        (ADVERT, ADVERT.replace("very best", "best very")),
        (ADVERT, f"{ADVERT} and that is what they wrote to me"),
        (f"{LONG} scum", LONG),
        (LONG, LONG.replace("word7 ", "")),
        ("you stupid cow", "you stupid cow really"),
    ],
    ids=["another", "turned", "many added", "the last gone", "one gone inside", "short"],
)
def test_a_copy_that_may_lack_what_violates_or_say_more_is_judged(source, copy):
    assert not takes(source, copy)


@given(TEXTS, TEXTS)
def test_a_copy_of_what_violates_lacks_no_word_of_it_and_adds_few(source, copy):
    assume(masked(source) != masked(copy))
    one, other = (set(masked(text).lower().replace("#", "").split()) for text in (source, copy))
    if takes(source, copy):
        assert one <= other
        assert len(other - one) <= ADDED_WORDS
        assert len(one) >= FEWEST_WORDS


INSULTS = st.sampled_from(["scum", "idiot", "word7 word3", "you are scum", "word69"])


@given(INSULTS, st.integers(0, 70), st.booleans())
def test_who_puts_an_insult_into_a_popular_text_does_not_condemn_it(insult, place, instead):
    words = LONG.split()
    hostile = " ".join([*words[:place], insult, *words[place + instead :]])
    assume(hostile != LONG)
    assert not takes(hostile, LONG)


@pytest.mark.parametrize("copy", [ADVERT, f"{ADVERT} now"])
def test_a_verdict_answers_no_other_question(copy):
    assert kept(ADVERT, violates=True).find(post(copy), "another policy") is None


def test_the_least_of_a_wave_is_found_whatever_was_added_to_the_others():
    first, other = post(ADVERT), post(f"{ADVERT} bea")
    other = replace(other, bands=first.bands)
    for order in permutations(
        [Source("first", True, first, COMPLETION), Source("other", True, other, COMPLETION)]
    ):
        copies = NearCopies(1 << 20)
        for source in order:
            copies.put(source, "q")
        found = copies.find(replace(post(f"{ADVERT} cid"), bands=first.bands), "q")
        assert found is not None
        assert found.decision_id == "first"


def test_the_newest_of_posts_alike_is_the_source():
    copies = kept("Order 1234567", violates=True)
    copies.put(Source("e", False, post("Order 7654321"), COMPLETION), "q")
    found = copies.find(post("Order 1111111"), "q")
    assert found is not None
    assert found.decision_id == "e"
    assert len(copies) == 1


def test_what_was_not_used_for_longest_goes_first_and_is_found_by_nothing_any_more():
    texts = [f"{ADVERT} {name}" for name in ("ann", "bea", "cid")]
    copies = NearCopies(15_000)
    for text in texts[:2]:
        copies.put(Source(text, True, post(text), COMPLETION), "q")
    assert copies.find(post(texts[0]), "q") is not None
    for name in ("one", "two"):
        text = f"{name} {LONG}"
        copies.put(Source(text, True, post(text), COMPLETION), "q")
    kept_now = [copies.find(post(text), "q") for text in texts[:2]]
    assert [each is not None for each in kept_now] == [True, False]
    nothing = NearCopies(10)
    nothing.put(Source("d", True, post(ADVERT), COMPLETION), "q")
    assert len(nothing) == 0


@pytest.mark.parametrize("violates", [True, False])
def test_sources_take_no_more_memory_than_they_are_given(violates):
    NearCopies(1 << 18).put(Source("d", violates, post(ADVERT), COMPLETION), "q")  # the tables
    copies = NearCopies(1 << 18)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(250):
        said = Completion(f"final {number}", reasoning=f"{number} " * 50)
        each = post(f"{number} {ADVERT} {number * 7} a{number}b")
        copies.put(Source(f"decision {number}" * 4, violates, each, said), "v" * 64)
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(copies) < 250
    assert taken < 1 << 18


def test_threads_may_use_the_same_sources():
    copies = NearCopies(20_000)

    def use(thread):
        for number in range(40):
            text = f"{ADVERT} of {thread} {number}"
            copies.put(Source("d", True, post(text), COMPLETION), "q")
            copies.find(post(text), "q")

    threads = [Thread(target=use, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < len(copies) < 8


def test_a_post_has_one_sketch_alone_and_among_others():
    texts = ["", ADVERT, "x" * 20_000, f"{ADVERT} 1234567", "hé " * 30]
    alone = [sketches(pa.array([text]))[0] for text in texts]
    for one, other in zip(alone, sketches(pa.array(texts)), strict=True):
        assert (one.alike, one.bands, one.grams.tolist()) == (
            *(other.alike, other.bands, other.grams.tolist()),
        )
    assert sketches(pa.array([], pa.string())) == []
