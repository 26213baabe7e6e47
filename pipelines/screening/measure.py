"""What a screen would ask of the judge for some posts, before anything is judged.

Half of the posts, by a hash, sets the thresholds for the other, and the other way round: those of a
post's own half would look a little better than they are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from weir.pipelines.errors import OptionError
from weir.pipelines.posts import PostFile
from weir.pipelines.replay.forecast import PUBLISHED_RATE
from weir.policies.policy import PolicySet
from weir.transforms.screen.model import Scored, Screen, score_all
from weir.transforms.screen.route import goes_to_judge, routes
from weir.transforms.screen.thresholds.decide import (
    UNSEEN_AUDITS,
    Applied,
    Decided,
    Start,
    StreamShares,
)
from weir.transforms.text.languages import GROUPS

LEAST = 100  # posts that say anything
Rates = npt.NDArray[np.float64]
_AT_ONCE = 200  # posts, between two signs of life: both stages take 10 ms a post


@dataclass(frozen=True)
class Part:
    """Some of the posts, or one policy of all: what they cost of the judge."""

    name: str
    posts: int
    requests_per_1000: float  # audits included
    untouched: float  # share of the posts that is not escalated, audits left aside
    # Requests more for 1,000 posts that find a hundredth more of the violations, by what the
    # screen's file knows of the policy's head; None where it knows nothing, or nothing finds more.
    point: float | None = None


@dataclass(frozen=True)
class Measured:
    """What a screen asks for some posts, in all, by policy and by language."""

    posts: int
    copies: int  # posts equal to one before them, of which a run asks the judge once
    nothing_to_read: int
    requests_per_1000: float
    untouched: float
    policies: tuple[Part, ...]
    languages: tuple[Part, ...]  # those with most posts first

    @property
    def point(self) -> float | None:
        """Return what a point of recall more costs in every policy whose head says so."""
        known = [part.point for part in self.policies if part.point is not None]
        return round(sum(known), 1) if known else None

    @property
    def point_gpu_seconds(self) -> float | None:
        """Return ``point`` in seconds of one H100, at the published rate."""
        return None if self.point is None else round(self.point / PUBLISHED_RATE, 2)

    def __str__(self) -> str:
        """Return the two figures in a sentence."""
        return (
            f"requests per 1,000 posts: {self.requests_per_1000:,.0f}; "
            f"{self.untouched:.0%} of the {self.posts:,} posts untouched"
        )

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON's types."""
        return asdict(self) | {"point": self.point, "point_gpu_seconds": self.point_gpu_seconds}


def measure_requests(
    screen: Screen,
    policies: PolicySet,
    texts: Sequence[str],
    shares: StreamShares | None,
    audit_rate: float,
    told: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Return what a screen asks for at least two posts; ``told`` hears how many were read more."""
    half = np.array([xxhash.xxh3_64_intdigest(text.encode()) % 2 == 0 for text in texts])
    whole_file = _read(screen, texts, told)
    asked, escalated, languages, empty = [], [], [], 0
    for number, rows in enumerate((half, ~half)):
        read = _some(whole_file, rows)
        start = Start.of_read(screen, _some(whole_file, ~rows))
        # What a stream costs is asked, and not what its first two hundred posts do.
        begun = shares and replace(shares, starts=(start,), follows=False, young=False)
        applied = Applied(screen, policies, begun, f"measure {number}", audit_rate)
        decided = applied.decide(read.scores[0], read, start.taken_at)
        unaudited = np.zeros((len(read.empty), 1), bool)
        sent = goes_to_judge(routes(decided.scores, decided.heads, unaudited, read.empty))
        asked.append(np.where(sent, 1.0, _audits(decided, audit_rate, read.empty)))
        escalated.append(sent)
        languages.append(read.languages)
        empty += int(read.empty.sum())
    requests, sent = np.concatenate(asked), np.concatenate(escalated)
    group = np.concatenate(languages)
    whole = _part("", requests, sent)
    names = [policy.policy_id for policy in policies.policies]
    return Measured(
        posts=whole.posts,
        copies=len(texts) - len(set(texts)),
        nothing_to_read=empty,
        requests_per_1000=whole.requests_per_1000,
        untouched=whole.untouched,
        policies=tuple(
            replace(
                _part(name, requests[:, [n]], sent[:, [n]]),
                point=_point(screen, name, float(sent[:, n].mean())),
            )
            for n, name in enumerate(names)
        ),
        languages=tuple(_by_language(group, requests, sent)),
    )


def drawn_posts(option: str, file: PostFile, most: int) -> list[str]:
    """Return ``sample`` of a file that an option named; OptionError for fewer than ``LEAST``."""
    if most < LEAST:
        raise OptionError(f"--most is {most}; give {LEAST} or more")
    if len(file.texts) < LEAST:
        raise OptionError(
            f"{option} {file.name} has {len(file.texts)} posts that can be read, and {LEAST} are "
            "the least that say anything; give more of them"
        )
    return sample(file.texts, most)


def sample(texts: Sequence[str], most: int) -> list[str]:
    """Return at most so many of the posts, drawn at random and in their order; always the same."""
    if len(texts) <= most:
        return list(texts)
    drawn = np.random.default_rng(0).choice(len(texts), most, replace=False)
    return [texts[row] for row in np.sort(drawn).tolist()]


def _read(screen: Screen, texts: Sequence[str], told: Callable[[int], None]) -> Scored:
    parts = []
    for begin in range(0, len(texts), _AT_ONCE):
        part = texts[begin : begin + _AT_ONCE]
        parts.append(score_all([screen], pa.array(part, pa.string())))
        told(len(part))
    return Scored(
        [np.concatenate([part.scores[0] for part in parts])],
        np.concatenate([part.empty for part in parts]),
        np.concatenate([part.languages for part in parts]),
    )


def _some(read: Scored, rows: npt.NDArray[np.bool_]) -> Scored:
    return Scored([each[rows] for each in read.scores], read.empty[rows], read.languages[rows])


def _audits(decided: Decided, rate: float, empty: npt.NDArray[np.bool_]) -> Rates:
    """Return each pair's chance to be audited where it is cleared."""
    rates = np.minimum(1.0, rate * np.where(decided.unseen, UNSEEN_AUDITS, 1.0))
    return np.where(empty[:, None], 0.0, rates)


def _point(screen: Screen, policy_id: str, escalated: float) -> float | None:
    known = (each for each in screen.selectivity if each.policy_id == policy_id)
    more = next((each.share_of_a_point(escalated) for each in known), None)
    return None if more is None else round(1000 * more, 1)


def _by_language(
    group: npt.NDArray[np.uint8], requests: Rates, sent: npt.NDArray[np.bool_]
) -> Iterator[Part]:
    codes, counts = np.unique(group, return_counts=True)
    for code in codes[np.argsort(-counts, kind="stable")].tolist():
        yield _part(GROUPS[code], requests[group == code], sent[group == code])


def _part(name: str, requests: Rates, sent: npt.NDArray[np.bool_]) -> Part:
    posts = len(requests)
    return Part(
        name,
        posts,
        round(1000 * float(requests.sum()) / posts, 1),
        round(1 - float(sent.any(axis=1).mean()), 4),
    )
