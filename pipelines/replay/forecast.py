"""What a replay will take, before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

# gpt-oss-safeguard-20b on one H100, as its makers publish it: requests a second, at 215 prompt
# tokens and 194 generated ones.
PUBLISHED_RATE = 46.7
PUBLISHED_TOKENS_OUT = 194
_STAND_IN = "exemplar"
_STAND_IN_RATE = 10_000.0  # requests a second of one core: it takes about 0.1 ms


@dataclass(frozen=True)
class Measured:
    """Some posts of the slice, screened to see what the rest will be like."""

    posts: int
    escalated: int  # of them, those that some policy has judged
    escalations: int  # pairs of post and policy
    tokens_in: float  # mean prompt tokens of a pair

    @property
    def per_post(self) -> float:
        """Return how many escalations a post has."""
        return self.escalations / self.posts if self.posts else 0.0

    @property
    def per_escalated(self) -> float:
        """Return how many escalations a post has that has any."""
        return self.escalations / self.escalated if self.escalated else 1.0


@dataclass(frozen=True)
class Judge:
    """How fast an engine was in the busiest minute of earlier runs, and how much it wrote."""

    engine: str
    rate: float | None = None  # requests a second; None where it has not judged for long here
    tokens_out: float | None = None

    @property
    def stand_in(self) -> bool:
        """Return whether no model is asked."""
        return self.engine == _STAND_IN


@dataclass(frozen=True)
class Forecast:
    """Posts to be decided, and what judging their escalations takes."""

    posts: int
    escalations: int
    tokens_in: int
    tokens_out: int
    rate: float  # requests a second
    source: str  # of the rate, in words
    measured_on: int  # posts
    budget: int | None = None  # requests that may be made

    @property
    def judged(self) -> int:
        """Return how many escalations are judged and not deferred."""
        return self.escalations if self.budget is None else min(self.escalations, self.budget)

    @property
    def hours(self) -> float:
        """Return how long the judge takes."""
        return self.judged / self.rate / 3600

    def lines(self) -> list[str]:
        """Return it for a person to read."""
        lines = [
            f"{self.posts:,} posts to decide",
            f"about {self.escalations:,} escalations, from {self.measured_on:,} posts of the slice",
            f"about {self.tokens_in:,} prompt tokens, most of them in the prefix cache, and "
            f"{self.tokens_out:,} generated",
            f"about {_time(self.hours)} of judging, at {_pace(self.rate)}: {self.source}",
        ]
        if self.judged < self.escalations:
            over = self.escalations - self.judged
            lines.append(
                f"about {over:,} escalations are over the budget of {self.budget:,} requests; they "
                "wait on the deferred topic"
            )
        return lines


def forecast(
    undecided: int,
    share: float,
    chosen: int | None,
    measured: Measured,
    judge: Judge,
    budget: int | None = None,
    *,
    waiting: int = 0,
    owed: int = 0,
) -> Forecast:
    """Return a forecast for so many undecided offsets, of which a share is drawn.

    ``waiting`` of the posts an earlier attempt has screened: they are ``owed`` so many answers.

    ``chosen`` is how many posts were selected one by one, where any were: these are taken to have
    as many escalations as the measured ones that have any, and each is counted as undecided.
    """
    unread = max(0, undecided - waiting)
    posts = round(share * (unread if chosen is None else min(chosen, unread)))
    each = measured.per_post if chosen is None else measured.per_escalated
    escalations = round(posts * each) + owed
    tokens_out = judge.tokens_out if judge.tokens_out is not None else PUBLISHED_TOKENS_OUT
    rate, source = _rate(judge)
    return Forecast(
        posts + waiting,
        escalations,
        tokens_in=round(escalations * measured.tokens_in),
        tokens_out=0 if judge.stand_in else round(escalations * tokens_out),
        rate=rate,
        source=source,
        measured_on=measured.posts,
        budget=budget,
    )


def points(sizes: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Return evenly spread places in slices of these sizes: the slice's number, and how far in."""
    total = sum(sizes)
    count = min(count, total)
    places, number, before = [], 0, 0
    for each in range(count):
        at = each * total // count
        while at >= before + sizes[number]:
            before += sizes[number]
            number += 1
        places.append((number, at - before))
    return places


def _rate(judge: Judge) -> tuple[float, str]:
    if judge.rate:
        return judge.rate, f"the busiest minute of earlier runs with the engine {judge.engine}"
    if judge.stand_in:
        return _STAND_IN_RATE, "the exemplar stand-in, which needs no GPU"
    return PUBLISHED_RATE, "published for gpt-oss-safeguard-20b on one H100"


def _time(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} hours"
    return f"{max(1, round(hours * 60))} minutes" if hours * 3600 >= 60 else "a minute"


def _pace(rate: float) -> str:
    """Return requests a second in a unit of which there is at least one, as far as an hour."""
    for seconds, unit in ((1, "second"), (60, "minute")):
        if rate * seconds >= 1:
            return f"{rate * seconds:,.1f} requests a {unit}"
    return f"{rate * 3600:,.1f} requests an hour"
