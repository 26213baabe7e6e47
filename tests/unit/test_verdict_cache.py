"""The verdict cache: equal posts are judged once, and no post decides for another."""

import gc
import tracemalloc
from dataclasses import replace
from threading import Thread

import pyarrow as pa
import pytest

from weir.policies.policy import Effort, Policy
from weir.transforms.judge.cache import VerdictCache, fingerprints
from weir.transforms.judge.engine import Completion

POLICY = Policy("spam", "Spam", "team", "No spam.", {"1": "violates", "0": "safe"}, {})
SAFE = Completion('{"violation": 0}', tokens_in=900, tokens_out=80, tokens_cut=3, queue_ms=4.0)
VIOLATES = Completion('{"violation": 1}', reasoning="It sells.", probability=0.9, tokens_in=900)


def cache(max_bytes=1 << 20) -> VerdictCache:
    return VerdictCache(max_bytes, "model-1")


def post(text):
    return fingerprints(pa.array([text]))[0]


def put(verdicts, text, completion, policy=POLICY):
    verdicts.put(post(text), policy.version, completion, violates=completion is VIOLATES)


def test_an_equal_post_is_answered_with_the_same_verdict_at_no_cost():
    verdicts = cache()
    put(verdicts, "hello there", SAFE)
    found = verdicts.get(post("hello there"), POLICY.version)
    assert found is not None
    assert found.final == SAFE.final
    assert (found.tokens_in, found.tokens_cached, found.tokens_out) == (0, 0, 0)
    assert (found.tokens_reasoning, found.queue_ms) == (0, 0.0)
    assert found.tokens_cut == 3


ART = ["buy  now", "buy\nnow", "buy now\n", " buy now", "Buy now", "buy\u00a0 now"]


@pytest.mark.parametrize("completion", [SAFE, VIOLATES])
@pytest.mark.parametrize("laid_out", ART)
def test_what_the_judge_would_read_otherwise_decides_nothing_for_the_flat_copy(
    laid_out, completion
):
    verdicts = cache()
    put(verdicts, laid_out, completion)
    assert verdicts.get(post("buy now"), POLICY.version) is None
    assert verdicts.get(post(laid_out), POLICY.version) is not None


@pytest.mark.parametrize("laid_out", ART[:4])
def test_a_post_that_is_laid_out_is_not_answered_by_its_flat_copy(laid_out):
    verdicts = cache()
    put(verdicts, "buy now", VIOLATES)
    assert verdicts.get(post(laid_out), POLICY.version) is None


@pytest.mark.parametrize(
    "change",
    [{"text": "No spam at all."}, {"effort": Effort.HIGH}, {"policy_id": "fraud"}],
)
def test_another_policy_version_or_effort_is_asked_anew(change):
    verdicts = cache()
    put(verdicts, "hello", SAFE)
    assert verdicts.get(post("hello"), replace(POLICY, **change).version) is None


def test_another_post_is_not_answered():
    verdicts = cache()
    put(verdicts, "hello", SAFE)
    assert verdicts.get(post("hello you"), POLICY.version) is None


DISGUISES = [
    "b<b></b>uy now",
    "b\u200buy now",
    "ｂｕｙ now",
    "bυy now",
    "bu\u0336y now",
    "buy\U000e0061 now",
]


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_of_a_plain_violation_violates(disguise):
    verdicts = cache()
    put(verdicts, "buy now", VIOLATES)
    assert verdicts.get(post(disguise), POLICY.version) is not None


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguise_of_a_safe_post_is_judged_itself(disguise):
    verdicts = cache()
    put(verdicts, "buy now", SAFE)
    assert verdicts.get(post(disguise), POLICY.version) is None


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("completion", [SAFE, VIOLATES])
def test_a_disguise_decides_nothing_for_the_plain_post(disguise, completion):
    verdicts = cache()
    put(verdicts, disguise, completion)
    assert verdicts.get(post("buy now"), POLICY.version) is None
    assert verdicts.get(post(disguise), POLICY.version) is not None


def test_a_post_in_a_script_with_look_alikes_answers_its_copies():
    verdicts = cache()
    put(verdicts, "Привет, это хорошо", SAFE)
    assert verdicts.get(post("Привет, это хорошо"), POLICY.version) is not None


def test_what_was_not_used_for_longest_makes_room():
    verdicts = cache(max_bytes=3_000)
    put(verdicts, "first", SAFE)
    kept = 1
    while len(verdicts) == kept:
        assert verdicts.get(post("first"), POLICY.version) is not None
        put(verdicts, f"post {kept}", SAFE)
        kept += 1
    assert verdicts.get(post("first"), POLICY.version) is not None
    assert verdicts.get(post("post 1"), POLICY.version) is None


def test_it_takes_no_more_memory_than_it_may():
    put(cache(), "another", SAFE)  # what is made once, for all of them
    verdicts = cache(max_bytes=256 << 10)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(750):
        answer = Completion('{"violation": 0}', reasoning=f"{number} " * 60)
        put(verdicts, f"post number {number}", answer)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 128 << 10 < after - before < 256 << 10


def test_an_answer_larger_than_the_cache_is_not_kept():
    verdicts = cache(max_bytes=3_000)
    put(verdicts, "small", SAFE)
    put(verdicts, "large", replace(SAFE, reasoning="x" * 5_000))
    assert len(verdicts) == 1
    assert verdicts.get(post("small"), POLICY.version) is not None


def test_a_cache_of_no_bytes_is_off():
    verdicts = cache(max_bytes=0)
    put(verdicts, "hello", SAFE)
    assert not verdicts.on
    assert len(verdicts) == 0


def test_many_threads_may_use_it():
    verdicts = cache(max_bytes=20_000)
    posts = fingerprints(pa.array([f"post {n}" for n in range(50)]))

    def use():
        for _ in range(20):
            for each in posts:
                verdicts.put(each, POLICY.version, SAFE, violates=False)
                verdicts.get(each, POLICY.version)

    threads = [Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < len(verdicts) < 50
    assert verdicts._bytes == sum(entry.size for entry in verdicts._entries.values())
