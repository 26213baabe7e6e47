"""What a stream takes, by arithmetic alone: no file, no server, no clock."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from weir.errors import WeirError
from weir.pipelines.capacity import constants as known
from weir.pipelines.capacity.constants import (
    CARDS,
    GIB,
    HOURS_A_MONTH,
    MODELS,
    SECONDS_A_DAY,
    STAND_IN,
    Constant,
)
from weir.pipelines.capacity.warehouse import Day, day_of, month, question_usd


class PlanError(WeirError, ValueError):
    """Nothing can be planned for that; the message says why and what to give."""


@dataclass(frozen=True)
class Workload:
    """What is asked of Weir.

    ``second_stage`` is the share of the posts that the encoder reads, ``screen_ms`` the processor
    time of both stages for a post where it was measured, and ``measured`` says where the screen's
    figures come from. ``questions`` are those a day about one day of all posts. ``bounded_posts``
    are those of a run that ends, in one process.
    """

    posts_per_second: float
    post_bytes: float = 200
    policies: int = 8
    requests_per_1000: float = 304
    second_stage: float = 1.0
    screen_ms: float | None = None
    model: str = "gpt-oss-safeguard-20b"
    card: str = "h100"
    days_kept: int = 30
    record_cleared: float = 1.0
    questions: float = 20
    measured: str = "ordinary posts, docs/measurements.md"
    bounded_posts: float | None = None

    def __post_init__(self) -> None:
        """Raise PlanError where that is no stream, or the model does not fit the card."""
        for name in ("posts_per_second", "post_bytes", "policies", "days_kept"):
            if not 0 < getattr(self, name) < math.inf:
                raise PlanError(f"{_option(name)} is {getattr(self, name)}; give a number above 0")
        for name in ("second_stage", "record_cleared"):
            if not 0 <= getattr(self, name) <= 1:
                raise PlanError(
                    f"{_option(name)} is {getattr(self, name)}; give a share from 0 to 1"
                )
        if not 0 <= self.requests_per_1000 <= 1000 * self.policies:
            most = 1000 * self.policies
            raise PlanError(
                f"--asked-per-1000 is {self.requests_per_1000}; {self.policies} policies make "
                f"from 0 to {most:,} for 1,000 posts"
            )
        if self.bounded_posts is not None and not 0 < self.bounded_posts < math.inf:
            raise PlanError(f"--bounded-posts is {self.bounded_posts}; give a number above 0")
        if not 0 <= self.questions < math.inf:
            raise PlanError(f"--questions is {self.questions}; give a number from 0 on")
        if self.model != STAND_IN:
            model, card = _one_of(self.model, MODELS, "model"), _one_of(self.card, CARDS, "card")
            if model.memory_gb > card.memory_gb:
                fit = [name for name, each in CARDS.items() if each.memory_gb >= model.memory_gb]
                raise PlanError(
                    f"{self.model} needs {model.memory_gb:.0f} GB and the card {self.card} has "
                    f"{card.memory_gb:.0f}; these have as much: {', '.join(fit)}"
                )


def _option(name: str) -> str:
    return "--policy-count" if name == "policies" else f"--{name.replace('_', '-')}"


def _one_of(name: str, of: dict[str, Any], what: str) -> Any:
    if name not in of:
        raise PlanError(f"{name!r} is no {what} that a plan knows; there are: {', '.join(of)}")
    return of[name]


@dataclass(frozen=True)
class Part:
    """A part of the system: how much of it, what that costs a month, and how it was reckoned."""

    name: str
    amount: float
    unit: str
    usd_month: float
    why: str


@dataclass(frozen=True)
class Limit:
    """Where a part stops scaling: what is asked of it, what it bears, and what is done then."""

    name: str
    asked: float
    bears: float
    unit: str
    source: str
    then: str

    @property
    def times(self) -> float:
        """Return how many times what it bears is asked of it."""
        return self.asked / self.bears


@dataclass(frozen=True)
class BoundedRun:
    """What a run of so many posts takes in one process, its start included."""

    posts: float
    requests: float
    core_seconds: float


@dataclass(frozen=True)
class Plan:
    """What a workload takes; its costs are list prices, a month."""

    workload: Workload
    requests_per_second: float
    core_seconds_per_post: float  # of reading, screening, writing and what is judged of it
    parts: tuple[Part, ...]
    limits: tuple[Limit, ...]  # those that are passed furthest first
    day: Day

    @property
    def bounded(self) -> BoundedRun | None:
        """Return what the run takes that ends, where one is asked about."""
        posts = self.workload.bounded_posts
        if posts is None:
            return None
        ranked = min(posts, known.START_POSTS.value) * screen_ms(self.workload) / 1000
        return BoundedRun(
            posts,
            posts * self.workload.requests_per_1000 / 1000,
            known.START_SECONDS.value + ranked + posts * self.core_seconds_per_post,
        )

    @property
    def usd_month(self) -> float:
        """Return what all of it costs a month."""
        return sum(part.usd_month for part in self.parts)

    @property
    def dominates(self) -> Part:
        """Return the part that costs most."""
        return max(self.parts, key=lambda part: part.usd_month)

    @property
    def breaks(self) -> tuple[Limit, ...]:
        """Return what does not bear what is asked, the worst first."""
        return tuple(limit for limit in self.limits if limit.times > 1)

    def part(self, name: str) -> Part:
        """Return the part of that name."""
        return next(part for part in self.parts if part.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON's types, with what follows from it."""
        return asdict(self) | {
            "bounded": self.bounded and asdict(self.bounded),
            "usd_month": self.usd_month,
            "dominates": self.dominates.name,
            "breaks": [limit.name for limit in self.breaks],
        }


def plan(workload: Workload) -> Plan:
    """Return what a workload takes."""
    requests = workload.posts_per_second * workload.requests_per_1000 / 1000
    screening, judging = core_ms(workload)
    busy = known.BUSY.value
    screen_cores = math.ceil(workload.posts_per_second * screening / 1000 / busy)
    judge_cores = math.ceil(workload.posts_per_second * judging / 1000 / busy)
    message_mb = workload.posts_per_second * (workload.post_bytes + known.ENVELOPE.value) / 1e6
    partitions = max(2 * screen_cores, math.ceil(message_mb / known.PARTITION_MB.value))
    worker_mb = known.WORKER_MB.value + (known.ENCODER_MB.value if workload.second_stage else 0)
    day = day_of(
        workload.posts_per_second * SECONDS_A_DAY,
        text=workload.post_bytes,
        policies=workload.policies,
        requests_per_1000=workload.requests_per_1000,
        record_cleared=workload.record_cleared,
        days_kept=workload.days_kept,
    )
    appended = day.screenings + day.verdicts
    folding = day.asked_of_tables + day.verdicts
    cards, card_usd, card_why = _cards(workload, requests)
    core_usd = known.CORE_USD.value * HOURS_A_MONTH
    parts = (
        Part("cards", cards, workload.card, card_usd, card_why),
        Part(
            "screen cores",
            screen_cores,
            "cores",
            screen_cores * core_usd,
            f"{screening:.3f} ms a post, {busy:.0%} busy",
        ),
        Part(
            "judge cores",
            judge_cores,
            "cores",
            judge_cores * core_usd,
            f"{judging:.3f} ms a post, {busy:.0%} busy",
        ),
        Part(
            "memory",
            (screen_cores + judge_cores) * worker_mb / 1000,
            "GB",
            0.0,
            f"{worker_mb:.0f} MB a core; in the price of the cores",
        ),
        Part("partitions", partitions, "partitions", 0.0, "two for a core of the screen"),
        Part(
            "BigQuery storage",
            day.stored * workload.days_kept / 1e9,
            "GB",
            month(day, workload.days_kept),
            f"{workload.days_kept} days, folded labels included",
        ),
        Part(
            "BigQuery appends",
            appended * known.DAYS_A_MONTH / 1e9,
            "GB a month",
            appended * known.DAYS_A_MONTH / GIB * known.APPEND_USD.value,
            "rows of screenings and verdicts",
        ),
        Part(
            "BigQuery questions",
            workload.questions,
            "a day",
            question_usd(workload.questions * day.asked_of_folded + folding) * known.DAYS_A_MONTH,
            "each about one folded day, and one fold a day",
        ),
    )
    limits = _limits(cards, screen_cores, judge_cores, partitions, appended)
    return Plan(workload, requests, (screening + judging) / 1000, parts, limits, day)


def core_ms(workload: Workload) -> tuple[float, float]:
    """Return milliseconds of a core for a post: of the stream and its screen, and of judging."""
    each = known.STAND_IN_MS if workload.model == STAND_IN else known.JUDGE_CPU_MS
    return (
        known.STREAM_US.value / 1000 + screen_ms(workload),
        workload.requests_per_1000 / 1000 * each.value,
    )


def screen_ms(workload: Workload) -> float:
    """Return milliseconds of a core for both stages of the screen over a post."""
    if workload.screen_ms is not None:
        return workload.screen_ms
    heads = 1 + known.HEADS_SHARE.value * (workload.policies / known.HEADS - 1)
    first = (
        known.FIRST_STAGE_US.value * workload.post_bytes / known.FIRST_STAGE_BYTES * heads / 1000
    )
    by_byte = workload.post_bytes / known.SECOND_STAGE_BYTES
    return first + workload.second_stage * known.SECOND_STAGE_MS.value * by_byte


def judge_rate(workload: Workload) -> float:
    """Return the requests a second of one card: what is written is bound by what memory gives."""
    model, card = MODELS[workload.model], CARDS[workload.card]
    faster = card.bandwidth_gb / CARDS["h100"].bandwidth_gb
    return known.JUDGE_RATE.value * faster / model.read_by_token


def _cards(workload: Workload, requests: float) -> tuple[int, float, str]:
    if workload.model == STAND_IN:
        return 0, 0.0, "the stand-in needs none"
    rate, busy = judge_rate(workload), known.BUSY.value
    cards = math.ceil(requests / rate / busy)
    usd = cards * CARDS[workload.card].usd_hour * HOURS_A_MONTH
    return cards, usd, f"{requests:,.0f} requests a second, {rate:.1f} of a card, {busy:.0%} busy"


def _limits(
    cards: float,
    screen_cores: float,
    judge_cores: float,
    partitions: float,
    appended: float,
) -> tuple[Limit, ...]:
    streams = screen_cores * known.TABLES_WRITTEN + judge_cores
    mb = appended / SECONDS_A_DAY / 1e6
    found = (
        _limit(
            "cards",
            cards,
            known.CARDS_AT_ONCE,
            "a share for each head (`--budget-per-head`) with the rest deferred, near-copies "
            "(`--judge-reuse-mb`), policies asked together, a ladder of efforts, a smaller model",
        ),
        _limit(
            "screen cores",
            screen_cores,
            known.CORES_AT_ONCE,
            "`--reading=off` for the streams of least risk, the encoder on the judge's cards (not "
            "built), one job for each topic or part of its partitions",
        ),
        _limit(
            "BigQuery appends",
            mb,
            known.APPEND_MB,
            "`--record-cleared 1%`, a larger quota, datasets in several projects",
        ),
        _limit(
            "connections to BigQuery",
            streams,
            known.APPEND_STREAMS,
            "several projects, or fewer and larger workers",
        ),
        _limit(
            "partitions",
            partitions,
            known.PARTITIONS_AT_ONCE,
            "several topics or clusters, each with a job of its own under one run's name",
        ),
    )
    return tuple(sorted(found, key=lambda limit: -limit.times))


def _limit(name: str, asked: float, bears: Constant, then: str) -> Limit:
    return Limit(name, asked, bears.value, bears.unit, f"{bears.name}; {bears.source}", then)
