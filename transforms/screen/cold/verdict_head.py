"""A head from a judge's verdicts, and whether it beats the one in force."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash
from scipy.special import expit

from weir.transforms.screen.cold.extra_heads import ExtraHead, rerank
from weir.transforms.screen.cold.fit import ColdSettings, ColdStarter, Labelled, linear
from weir.transforms.screen.cold.promotion import Decision, RandomVerdicts, promote
from weir.transforms.screen.model import Floats
from weir.transforms.text import features
from weir.transforms.text.normalise import normalise

# Of the verdicts, half the highest scores and half at random: the ones that teach most.
MOST = 5_000


@dataclass(frozen=True, eq=False)
class Judged:
    """Judged posts of one policy, column by column; scores are those that sent them, or NaN."""

    texts: tuple[str, ...]
    violates: npt.NDArray[np.bool_]
    sampled: npt.NDArray[np.bool_]  # by chance alone
    scores: Floats
    weights: Floats  # 1 / inclusion probability

    def where(self, rows: npt.NDArray[np.bool_]) -> "Judged":
        """Return some of the posts."""
        return Judged(
            tuple(compress(self.texts, rows)),
            self.violates[rows],
            self.sampled[rows],
            self.scores[rows],
            self.weights[rows],
        )

    @property
    def labelled(self) -> Labelled:
        """Return the posts without what weighs them: weights cost a head up to 16 points."""
        return Labelled(self.texts, self.violates)

    @property
    def halves(self) -> npt.NDArray[np.bool_]:
        """Return which of two halves each post is in, by its normalised text."""
        texts: list[str] = normalise(pa.array(self.texts, pa.string())).to_pylist()
        draws = [xxhash.xxh3_64_intdigest(text.encode()) % 2 for text in texts]
        return np.array(draws, bool)


def half_and_half(judged: Judged, most: int = MOST) -> Judged:
    """Return at most so many posts: half by the highest score, half by chance."""
    count = len(judged.texts)
    if count <= most:
        return judged
    ranked = np.argsort(-np.nan_to_num(judged.scores, nan=-1.0), kind="stable")
    draws = [xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace")) for text in judged.texts]
    chance = np.array(draws, np.uint64)
    by_chance = np.lexsort((chance, ~judged.sampled))
    chosen = np.zeros(count, bool)
    chosen[ranked[: most // 2]] = True
    rest = by_chance[~chosen[by_chance]][: most - most // 2]
    chosen[rest] = True
    return judged.where(chosen)


def learn_from_verdicts(
    starter: ColdStarter,
    policy_id: str,
    examples: Labelled,
    judged: Judged,
    old: Callable[[Sequence[str]], Floats],
    settings: ColdSettings,
) -> tuple[ExtraHead, Decision]:
    """Return the head of examples and verdicts, and whether it should replace ``old``.

    ``old`` gives the scores of the head in force. The new head is compared by its twins: each
    learns from one half of the verdicts and is measured on the other, so that all of them count
    and none is measured by what it learned.
    """
    halves = judged.halves
    old_scores, new_scores = np.zeros(len(halves)), np.zeros(len(halves))
    for half in (False, True):
        here = halves == half
        lesson = half_and_half(judged.where(~here)).labelled
        twin = starter.head(policy_id, examples, settings, lesson)
        texts = tuple(compress(judged.texts, here))
        # Ranks within the half: the scales of two heads have nothing to do with each other.
        new_scores[here] = _ranks(_scores(twin, texts, starter))
        old_scores[here] = _ranks(old(texts))
    verdicts = RandomVerdicts(judged.violates, judged.weights, judged.sampled)
    decision = promote(old_scores, new_scores, verdicts, settings.budget)
    lesson = half_and_half(judged).labelled
    return starter.head(policy_id, examples, settings, lesson), decision


def _scores(head: ExtraHead, texts: Sequence[str], starter: ColdStarter) -> Floats:
    scores = np.asarray(expit(linear(head, features.matrix(texts), starter.scale)), np.float64)
    if head.reranking is None or starter.encoder is None:
        return scores
    above = scores >= head.reranking.gate
    vectors = starter.encoder.embed(list(compress(texts, above)))
    return rerank(scores, head.reranking, np.flatnonzero(above), vectors)


def _ranks(scores: Floats) -> Floats:
    """Return each score's place in (0, 1], equal scores sharing the mean of theirs."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(scores) / max(1, len(scores)), np.float64)
