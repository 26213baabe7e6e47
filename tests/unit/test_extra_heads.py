"""Heads beside those of a trained screen, and the encoder's second look."""

from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from tests import cold_posts
from tests.cold_posts import KeywordEncoder, keyword_encoder, stream
from weir.transforms.screen.cold.extra_heads import (
    ExtraHead,
    Reranking,
    RerankingScreen,
    from_bytes,
    to_bytes,
    with_heads,
)
from weir.transforms.screen.model import Screen, scores_of
from weir.transforms.screen.second_stage.encoder import DIMENSIONS, Encoder
from weir.transforms.text.features import matrix

BUCKETS = np.unique(matrix(["selling an aimbot"]).indices).astype(np.int32)
WEIGHTS = np.float32(0.5) * np.ones(len(BUCKETS), np.float32)


def extra(policy_id: str = "cheats", reranking: Reranking | None = None) -> ExtraHead:
    return ExtraHead(policy_id, BUCKETS, WEIGHTS, -1.0, 0.5, reranking)


def reader(gate: float = 0.3) -> Reranking:
    vector = np.zeros(DIMENSIONS, np.float32)
    vector[0] = 4
    return Reranking(gate, vector, 0.5, -1.0, "keywords")


@pytest.fixture(scope="module")
def base() -> Screen:
    return cold_posts.base()


def test_a_folded_head_leaves_the_scores_of_the_others_as_they_were(base) -> None:
    texts = pa.array(stream(50))
    assert np.array_equal(with_heads(base, [extra()]).score(texts)[:, :-1], base.score(texts))


def test_a_head_for_a_known_policy_takes_the_place_of_the_old_one(base) -> None:
    screen = with_heads(base, [extra(base.policy_ids[0])])
    assert sorted(screen.policy_ids) == sorted(base.policy_ids)
    assert screen.bias[-1] == -1.0


def test_heads_survive_being_written_and_read() -> None:
    heads = (extra(), extra("spam", reader()))
    again = from_bytes(to_bytes(heads))
    assert to_bytes(again) == to_bytes(heads)
    assert again[0].reranking is None
    assert again[1].reranking is not None


@pytest.fixture(scope="module")
def reranking(base) -> RerankingScreen:
    heads = [extra(reranking=reader())]
    return RerankingScreen.over(with_heads(base, heads), heads, keyword_encoder())


def test_a_post_that_was_read_ranks_above_every_post_that_was_not(base, reranking) -> None:
    texts = pa.array(["selling an aimbot", "an aimbot", "roses"])
    plain = with_heads(base, [extra()]).score(texts)[:, -1]
    read = plain >= 0.3
    scores = reranking.score(texts)[:, -1]
    assert 0 < read.sum() < 3
    assert scores[read].min() > 0.5 > scores[~read].max()


def test_reranked_scores_are_bit_equal_alone_and_in_any_batch(reranking) -> None:
    texts = [*stream(60), "", "selling an aimbot"]
    alone = [reranking.score(pa.array([text], pa.string()))[0] for text in texts]
    assert np.array_equal(reranking.score(pa.array(texts)), np.array(alone))


def test_equal_posts_of_a_batch_are_read_once_to_be_reranked(base) -> None:
    read: list[str] = []

    class Remembers(KeywordEncoder):
        def embed(self, texts) -> np.ndarray:
            read.extend(texts)
            return super().embed(texts)

    heads = [extra(reranking=reader())]
    screen = RerankingScreen.over(with_heads(base, heads), heads, cast(Encoder, Remembers()))
    scores = screen.score(pa.array(["selling an aimbot", "roses", "selling an aimbot"]))
    assert read == ["selling an aimbot"]
    assert np.array_equal(scores[0], scores[2])


def test_a_screen_that_reranks_is_scored_beside_another_as_by_itself(base, reranking) -> None:
    texts = pa.array(["selling an aimbot", "an aimbot", "roses"])
    together = scores_of([base, reranking], texts)
    assert np.array_equal(together[0], base.score(texts))
    assert np.array_equal(together[1], reranking.score(texts))


def test_a_reranking_screen_has_a_version_of_its_own(base, reranking) -> None:
    assert reranking.version != with_heads(base, [extra()]).version


def test_a_batch_in_which_nothing_is_read_costs_no_look_at_the_encoder(base) -> None:
    heads = [extra(reranking=reader(gate=1.1))]
    screen = RerankingScreen.over(with_heads(base, heads), heads, None)
    assert screen.score(pa.array([""])).shape == (1, len(base.policy_ids) + 1)
