"""Choose what a screen learns from: verdicts on what it sent, half the top scores, half by chance.

Audits are left out, of whatever kind: what they say of a screen is worth something only while no
screen has learned from it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import compress

import numpy as np
import pyarrow as pa
import xxhash
from scipy.special import xlogy

from weir.transforms.arrays import Floats
from weir.transforms.records import Route
from weir.transforms.text import features
from weir.transforms.text.near_duplicates import clusters
from weir.transforms.text.normalise import normalise

# Of one policy: an encoder reads a hundred posts a second.
MOST = 2_000
LEAST = 10  # of each kind, before a head learns: fewer are outweighed by a judge's errors
FEW = 3  # the same, where what is learned is fitted with a judge's errors in mind
# A judge that errs for a day says violating far more often, or more seldom, of what is sent to it:
# the odds of that day differ by more than ODD times from the others', and not by chance.
ODD = 4.0
_SURE = 4.0  # standard errors
_SAMPLED = 1  # the seed of a draw of its own


@dataclass(frozen=True)
class JudgedPost:
    """A post and what the judge said of it under one policy."""

    text: str
    violates: bool
    route: str
    score: float | None  # of the screen that sent it
    inclusion_probability: float
    day: date  # of the verdict
    audit_rate: float | None = None  # of its run, where nothing raises it; None: not known

    @property
    def sampled(self) -> bool:
        """Return whether it belongs to a sample of the stream in which all posts have one chance.

        Where all posts had to go it does, and counts whole beside later ones. Of others, whatever
        was sent more often than the run audits, by its score, for a screen in shadow or for its
        language, a part belongs: a hash of the text draws as many as that rate takes.
        """
        if self.route == Route.FORCED:
            return True
        if self.audit_rate is None or self.route not in (Route.AUDIT, Route.ESCALATE):
            return False
        draw = xxhash.xxh3_64_intdigest(self.text.encode("utf-8", "replace"), _SAMPLED)
        return draw * self.inclusion_probability < self.audit_rate * 2**64

    @property
    def teaches(self) -> bool:
        """Return whether a screen may learn from it: not from an audit, nor from a late one."""
        return self.route not in (Route.AUDIT, Route.DEFERRED)

    @property
    def by_chance(self) -> bool:
        """Return whether its score had no say in sending it."""
        return self.route == Route.FORCED or self.inclusion_probability < 1


@dataclass(frozen=True, eq=False)
class Lessons:
    """Judged posts: ``labels`` (posts, policies) is 1, 0, or NaN where nobody judged."""

    texts: tuple[str, ...]
    labels: Floats
    policy_ids: tuple[str, ...]

    def taught(self, reading: Collection[str] = ()) -> tuple[str, ...]:
        """Return the policies with enough verdicts of both kinds.

        ``reading`` are those with a head in the second stage, which learns from FEW.
        """
        return tuple(p for p in self.policy_ids if min(self._kinds(p)) >= _least(p, reading))

    def lacking(self, reading: Collection[str] = ()) -> tuple[str, ...]:
        """Return a sentence on each policy that has verdicts, and too few of a kind."""
        said = []
        for policy_id in self.policy_ids:
            (violating, safe), least = self._kinds(policy_id), _least(policy_id, reading)
            if violating + safe and min(violating, safe) < least:
                said.append(
                    f"{policy_id} has {violating} violating and {safe} safe verdicts to learn "
                    f"from, and needs {least} of both kinds"
                )
        return tuple(said)

    def _kinds(self, policy_id: str) -> tuple[int, int]:
        labels = self.labels[:, self.policy_ids.index(policy_id)]
        return int((labels == 1).sum()), int((labels == 0).sum())


def _least(policy_id: str, reading: Collection[str]) -> int:
    return FEW if policy_id in reading else LEAST


def choose_lessons(
    judged: Mapping[str, Sequence[JudgedPost]], most: int = MOST
) -> tuple[Lessons, tuple[str, ...]]:
    """Return the lessons of each policy's verdicts, and a sentence on each day that is left out.

    The verdicts are of one version of each policy: on another they answered another question.
    """
    said: list[str] = []
    labels: dict[str, dict[str, float]] = {}
    for policy_id, posts in judged.items():
        taught = [post for post in posts if post.teaches]
        for day in odd_days(taught):
            said.append(
                f"the verdicts of {day} on {policy_id} differ too much from those of other days, "
                "so that nothing is learned from them"
            )
            taught = [post for post in taught if post.day != day]
        for post in half_and_half(distinct(taught), most):
            labels.setdefault(post.text, {})[policy_id] = float(post.violates)
    known = np.array([[row.get(p, np.nan) for p in judged] for row in labels.values()])
    return Lessons(tuple(labels), known.reshape(len(labels), len(judged)), tuple(judged)), tuple(
        said
    )


def odd_days(posts: Sequence[JudgedPost]) -> list[date]:
    """Return the days whose verdicts differ from those of the other days as no chance has it.

    One by one, the oddest first; of two days alone nobody knows which one is odd.
    """
    left, odd = list(posts), []
    while len({post.day for post in left}) > 2:
        days = sorted({post.day for post in left})
        found = [_oddness(left, day) for day in days]
        worst = int(np.argmax(found))
        if not found[worst]:
            break
        odd.append(days[worst])
        left = [post for post in left if post.day != days[worst]]
    return odd


def _oddness(posts: Sequence[JudgedPost], day: date) -> float:
    """Return the root of the likelihood ratio's statistic where a day differs, and 0 elsewhere.

    That is about the number of standard errors (Wilks, 1938), also where a day is of one kind.
    """
    counts = np.zeros((2, 2))
    for post in posts:
        counts[int(post.day == day), int(post.violates)] += 1
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    statistic = 2 * float(xlogy(counts, counts / expected).sum())
    half = counts + 0.5  # Haldane and Anscombe's correction: no odds are infinite
    apart = abs(float(np.log(half[0, 0] * half[1, 1] / (half[0, 1] * half[1, 0]))))
    return float(np.sqrt(statistic)) if apart > np.log(ODD) and statistic > _SURE**2 else 0.0


def distinct(posts: Sequence[JudgedPost]) -> list[JudgedPost]:
    """Return one post, the first, of each cluster of near-duplicates: a flood counts once."""
    if not posts:
        return []
    rows = clusters(features.matrix([post.text for post in posts]))
    texts: list[str] = normalise(pa.array([post.text for post in posts], pa.string())).to_pylist()
    first = {text: row for row, text in reversed(list(enumerate(texts)))}
    return [
        post
        for row, post in enumerate(posts)
        if rows[row] == row and first[texts[row]] == row  # nothing to read is no near-duplicate
    ]


def half_and_half(posts: Sequence[JudgedPost], most: int = MOST) -> list[JudgedPost]:
    """Return at most so many of the posts: half by the highest score, half by chance.

    Of the second half first those that chance sent, whatever their score, then others.
    """
    if len(posts) <= most:
        return list(posts)
    scores = np.array([-1.0 if post.score is None else post.score for post in posts])
    draws = [xxhash.xxh3_64_intdigest(post.text.encode("utf-8", "replace")) for post in posts]
    by_score = np.array([not post.by_chance for post in posts])
    chance = np.lexsort((np.array(draws, np.uint64), by_score))
    taken = np.zeros(len(posts), bool)
    taken[np.argsort(-scores, kind="stable")[: most // 2]] = True
    taken[chance[~taken[chance]][: most - most // 2]] = True
    return list(compress(posts, taken))
