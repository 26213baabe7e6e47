"""Teach a screen from the judge's verdicts: one look, at whatever stands in the tables by now.

A screen that has learned is put in shadow, where the running job compares it with the one that
decides. It takes its place when it finds more of what the judge calls violating, by a test that
holds however often it is looked at; the former one is then in shadow, and comes back by the same
test. Nothing here runs in a worker: workers read the folder again.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from weir.distribution import installed_version
from weir.pipelines.bigquery.dataset import connect
from weir.pipelines.bigquery.errors import explain_errors
from weir.pipelines.bigquery.rows import insert
from weir.pipelines.screening.recall import added_up, audit_days
from weir.pipelines.screening.stream_sample import posts_of_topics
from weir.pipelines.screening.verdict_labels import verdicts_of
from weir.pipelines.settings.taught_screen import Teaching
from weir.policies.loading import load_policies
from weir.transforms.screen import ScreenError
from weir.transforms.screen.cold.fit import LEAST_STREAM
from weir.transforms.screen.cold.source import extended_card
from weir.transforms.screen.model import Screen
from weir.transforms.screen.second_stage.screen import reading_heads
from weir.transforms.screen.teaching.lessons import Lessons, choose_lessons
from weir.transforms.screen.teaching.promotion import Differences, Step, decide, total

FIRST = 250  # verdicts, before the first candidate
GROWTH = 2.0  # times the verdicts of the last candidate, before the next: each is another chance
_BEGINS = ("begin", "promote", "put back", "open")  # steps after which another screen decides
_EVER = datetime(1970, 1, 1, tzinfo=UTC)  # before any step
_DAYS = 90  # of verdicts and comparisons: what is older is about another stream


@dataclass(frozen=True)
class Row:
    """What became of a screen: the ``promotions`` table, column for column."""

    run: str
    decided_at: datetime
    step: str
    screen_version: str
    other_version: str | None
    attempt: int | None
    e_value: float | None
    verdicts: int | None
    policies: str | None
    reason: str
    decided_by: str

    def __str__(self) -> str:
        """Return it as a sentence."""
        return f"{self.step}, screen {self.screen_version}: {self.reason}"


@dataclass(frozen=True)
class Look:
    """What a look changed, and what it says of what it did not."""

    rows: tuple[Row, ...]
    said: tuple[str, ...]


def begin_with_base(teaching: Teaching) -> bool:
    """Begin with the base, where the folder holds nothing that came of it; return whether it did.

    Whoever names another screen wants that one. What was left half written is made whole.
    ScreenError where the base is unsound, OSError where the folder cannot be written.
    """
    if teaching.folder.began_with() == teaching.base.version:
        with suppress(ScreenError):
            teaching.folder.mend()
            return False
    teaching.folder.begin(teaching.base)
    return True


def look(teaching: Teaching) -> Look:
    """Do what is to be done now, and store a row for each thing done.

    TablesError, SourceError, ScreenError or OSError: what was done has its rows, but for the last
    thing, which may have been done to the folder without one.
    """
    ledger = _Ledger(teaching)
    with explain_errors(teaching.bigquery):
        if begin_with_base(teaching):
            reason = "as it is; the judge's verdicts teach it from now on"
            ledger.record("begin", teaching.base.version, reason)
        past = _Past.of(_history(teaching))
        _compare(teaching, past, ledger)
        _open(teaching, ledger)
        _learn(teaching, past, ledger)
    return Look(tuple(ledger.rows), tuple(ledger.said))


def put_back(teaching: Teaching) -> Look:
    """Let the screen in shadow decide, as whoever calls it wants; as ``look``.

    Where there is none, as it was withdrawn or a swap ended half-way, the one decides that decided
    before the last swap; so it does where a swap ended within what decides.
    """
    ledger, folder = _Ledger(teaching), teaching.folder
    with explain_errors(teaching.bigquery):
        if folder.mend():
            ledger.record("put back", folder.live().version, "by hand")
            return Look(tuple(ledger.rows), tuple(ledger.said))
        live = folder.live().version
        if live == folder.shadow().version:
            folder.bring_back()
        shadow = folder.shadow().version
        if live == shadow:
            raise ScreenError(f"There is no screen in shadow in {folder.path} to put back.")
        folder.swap()
        ledger.record("put back", shadow, "by hand", other_version=live)
    return Look(tuple(ledger.rows), tuple(ledger.said))


class _Ledger:
    """Rows as they are stored, and what is said of what is not done."""

    def __init__(self, teaching: Teaching) -> None:
        self._teaching = teaching
        self.rows: list[Row] = []
        self.said: list[str] = []

    def record(self, step: str, screen_version: str, reason: str, **more: Any) -> None:
        """Store a row."""
        columns = [field.name for field in fields(Row)]
        known: dict[str, Any] = dict.fromkeys(columns) | {
            "run": self._teaching.run,
            "decided_at": datetime.now(UTC),
            "step": step,
            "screen_version": screen_version,
            "reason": reason,
            "decided_by": self._teaching.by or f"weir {installed_version()}",
        }
        row = Row(**known | more)
        insert(self._teaching.bigquery, "promotions", {c: getattr(row, c) for c in columns})
        self.rows.append(row)


@dataclass(frozen=True)
class _Past:
    """What the rows say: candidates so far, and the verdicts that the last one learned from."""

    attempts: int
    verdicts: int
    former: str | None  # the version that decided before, where one was promoted
    began: datetime  # since when that decides which decides now
    compared: tuple[str, ...]  # versions of the candidates since then, the first first
    opened: frozenset[str]  # policies whose heads clear nothing any more

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]]) -> "_Past":
        """Return what rows say, the oldest first."""
        candidates = [row for row in rows if row["step"] == "candidate"]
        former = [row["other_version"] for row in rows if row["step"] in ("promote", "put back")]
        verdicts = candidates[-1]["verdicts"] if candidates else 0
        opened = {
            name for row in rows if row["step"] == "open" for name in row["policies"].split(",")
        }
        last = max((n for n, row in enumerate(rows) if row["step"] in _BEGINS), default=-1)
        return cls(
            len(candidates),
            verdicts,
            former[-1] if former else None,
            rows[last]["decided_at"] if last >= 0 else _EVER,
            tuple(row["screen_version"] for row in rows[last + 1 :] if row["step"] == "candidate"),
            frozenset(opened),
        )


def _compare(teaching: Teaching, past: _Past, ledger: _Ledger) -> None:
    """Promote what is in shadow, take it away, or wait."""
    folder = teaching.folder
    live, shadow = folder.live().version, folder.shadow().version
    if live == shadow:
        return
    returning = shadow == past.former
    compared = past.compared if shadow in past.compared and not returning else (shadow,)
    found = differences(teaching, live, compared, past.began)
    decision = decide(found, 0 if returning else past.attempts)
    of_test = {"other_version": live, "attempt": past.attempts, "e_value": decision.e_value}
    match decision.step:
        case Step.PROMOTE:
            folder.swap()
            ledger.record(
                "put back" if returning else "promote", shadow, decision.reason, **of_test
            )
        case Step.WITHDRAW:
            folder.empty_shadow()
            ledger.record("withdraw", shadow, decision.reason, **of_test)
        case Step.WAIT:
            ledger.said.append(f"the screen {shadow} stays in shadow: {decision.reason}")


def _open(teaching: Teaching, ledger: _Ledger) -> None:
    """Open the heads whose certificate the audits refute: all of their posts are judged.

    They stay as they are, and open, until another screen of the user's takes their place.
    """
    live = teaching.folder.live()
    screen = live.screen()
    certified = {each.policy_id for each in screen.certificates if each.certified}
    if not certified:
        return
    found = added_up(audit_days(teaching.bigquery, teaching.run, since=_since()))
    drifted = [
        each
        for each in found
        if each.screen_version == live.version and each.policy_id in certified and each.drifted
    ]
    if not drifted:
        return
    names = [each.policy_id for each in drifted]
    teaching.folder.replace_live(screen.opened(names))
    reason = "; ".join(f"{each.policy_id}: {each.words()}" for each in drifted)
    version = teaching.folder.live().version
    ledger.record("open", version, reason, other_version=live.version, policies=",".join(names))


def _learn(teaching: Teaching, past: _Past, ledger: _Ledger) -> None:
    """Put a candidate in shadow, where there are enough verdicts more than the last one had."""
    live = teaching.folder.live().screen()
    heads, reading = live.policy_ids, reading_heads(live)
    judged = {
        policy.policy_id: verdicts_of(teaching.bigquery, policy, run=teaching.run, since=_since())
        for policy in load_policies(teaching.policies).policies
        if policy.policy_id not in past.opened
        and (teaching.every_policy or policy.policy_id in heads)
    }
    count = sum(post.teaches for posts in judged.values() for post in posts)
    needed = max(FIRST, round(GROWTH * past.verdicts))
    if count < needed:
        ledger.said.append(f"{count:,} verdicts to learn from; the next screen takes {needed:,}")
        return
    lessons, left_out = choose_lessons(judged)
    ledger.said += left_out
    ledger.said += lessons.lacking(reading)
    candidate = fit_candidate(teaching, lessons)
    if candidate is None:
        ledger.said.append("no policy has enough verdicts of both kinds")
        return
    base = teaching.folder.live()
    reports = [_report(lessons, policy_id) for policy_id in lessons.taught(reading)]
    card = extended_card(base.card(), candidate.version, reports)
    teaching.folder.put_in_shadow(candidate, card)
    ledger.record(
        "candidate",
        candidate.version,
        "it has learned, and is in shadow until it proves better",
        other_version=base.version,
        attempt=past.attempts + 1,
        verdicts=count,
        policies=",".join(lessons.taught(reading)),
    )


def fit_candidate(teaching: Teaching, lessons: Lessons) -> Screen | None:
    """Return the screen that decides with what it can learn; None where that is nothing."""
    from weir.transforms.screen.training.refit import refit  # scikit-learn takes seconds

    live = teaching.folder.live().screen()
    if not lessons.taught(reading_heads(live)):
        return None
    posts = posts_of_topics(teaching.kafka, teaching.topics, teaching.decode)
    if len(posts) < LEAST_STREAM:
        return None
    return refit(live, lessons, posts)


def _report(lessons: Lessons, policy_id: str) -> dict[str, Any]:
    labels = lessons.labels[:, lessons.policy_ids.index(policy_id)]
    return {
        "policy_id": policy_id,
        "kind": "learned from verdicts",
        "certified": False,
        "violating": int((labels == 1).sum()),
        "safe": int((labels == 0).sum()),
    }


def differences(
    teaching: Teaching, live: str, compared: Sequence[str], began: datetime
) -> list[Differences]:
    """Return what the judge found where each of the screens and the one that decides differ.

    Since that one decides: what it was compared with before, and as what, is another comparison.
    """
    with connect(teaching.bigquery) as dataset:
        rows = dataset.rows(
            _DIFFERENCES,
            run=teaching.run,
            live=live,
            shadows=list(compared),
            since=_since(),
            began=began,
        )
    found = total(
        (
            row["shadow_version"],
            Differences(
                ((row["probability"], row["gained"]),), row["lost"], row["audits"], row["waiting"]
            ),
        )
        for row in rows
    )
    return [found.get(version, Differences()) for version in compared]


def _history(teaching: Teaching) -> list[dict[str, Any]]:
    with connect(teaching.bigquery) as dataset:
        return dataset.rows(_HISTORY, run=teaching.run)


def _since() -> date:
    return datetime.now(UTC).date() - timedelta(days=_DAYS)


# Of what no screen has scored there is nothing to compare.
_DIFFERENCES = """
SELECT
  shadow_version, inclusion_probability AS probability,
  SUM(IF(shadow_sent AND route IN ('audit', 'beside') AND violates, 1, 0)) AS gained,
  SUM(
    IF(shadow_sent AND route IN ('audit', 'beside') AND verdict IS NOT NULL, 1, 0)
  ) AS audits,
  SUM(IF(sent AND NOT shadow_sent AND violates, 1, 0)) AS lost,
  SUM(IF(sent AND NOT shadow_sent AND verdict IS NULL, 1, 0)) AS waiting
FROM `{dataset}.shadow_pairs`
WHERE run = @run AND screen_version = @live AND shadow_version IN UNNEST(@shadows)
  AND day >= @since AND shadow_day >= @since AND compared_at >= @began
  AND head AND shadow_head AND sent != shadow_sent
GROUP BY shadow_version, probability
"""
_HISTORY = """
SELECT step, decided_at, screen_version, other_version, verdicts, policies
FROM `{dataset}.promotions`
WHERE run = @run
ORDER BY decided_at
"""
