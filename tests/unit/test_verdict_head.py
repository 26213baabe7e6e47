"""Learning from verdicts, in halves that check each other."""

import numpy as np
import pyarrow as pa

from tests import cold_posts
from tests.cold_posts import SAFE, VIOLATING, stream
from weir.transforms.screen.cold.extra_heads import with_heads
from weir.transforms.screen.cold.fit import ColdSettings, ColdStarter, Labelled, Stream
from weir.transforms.screen.cold.verdict_head import Judged, half_and_half, learn_from_verdicts

EXAMPLES = Labelled((*VIOLATING[:3], *SAFE[:3]), np.repeat([True, False], 3))


def judged(count: int = 1400, seed: int = 5) -> Judged:
    texts = tuple(f"{text} {n}" for n, text in enumerate(stream(count, seed=seed)))
    violates = np.array(["aimbot" in text for text in texts])
    scores = np.random.default_rng(seed).random(count)
    return Judged(texts, violates, np.arange(count) % 2 == 0, scores, np.ones(count))


def test_what_is_learned_beats_a_ranking_by_chance() -> None:
    base = cold_posts.base()
    starter = ColdStarter(base.scale, Stream.of(stream()))

    def chance(texts) -> np.ndarray:
        return np.random.default_rng(1).random(len(texts))

    head, decision = learn_from_verdicts(
        starter, "cheats", EXAMPLES, judged(), chance, ColdSettings()
    )
    assert decision.promoted
    texts = pa.array(["i am selling an aimbot, undetected", "the figs in row 5 need water"])
    bad, good = with_heads(base, [head]).score(texts)[:, -1]
    assert bad > good


def test_what_is_learned_is_not_promoted_over_a_perfect_ranking() -> None:
    starter = ColdStarter(cold_posts.base().scale, Stream.of(stream()))

    def knows(texts) -> np.ndarray:
        return np.array(["aimbot" in text for text in texts], float)

    _, decision = learn_from_verdicts(starter, "cheats", EXAMPLES, judged(), knows, ColdSettings())
    assert not decision.promoted


def test_too_many_verdicts_are_taken_half_from_the_top_and_half_by_chance() -> None:
    posts = judged()
    taken = half_and_half(posts, 200)
    top = np.sort(posts.scores)[-100:]
    assert len(taken.texts) == 200
    assert np.isin(top, taken.scores).all()
    assert taken.sampled[~np.isin(taken.scores, top)].all()


def test_few_enough_verdicts_are_all_taken() -> None:
    assert half_and_half(judged(50), 200).texts == judged(50).texts


def test_equal_posts_are_in_the_same_half() -> None:
    posts = Judged(("same", "SAME ", "other"), *(np.ones(3, bool),) * 2, np.ones(3), np.ones(3))
    assert posts.halves[0] == posts.halves[1]
