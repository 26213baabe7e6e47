"""What the audit says of the screens of a run, added up over days.

The ``live_recall`` view has the estimates; people's reviews count in it. The certificate is
relative to the judge, so it rests on the verdicts alone.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import Any

from weir.pipelines.bigquery.dataset import Dataset, Value, open_dataset
from weir.pipelines.bigquery.labels import WITHIN, narrowed
from weir.transforms.records import Route
from weir.transforms.screen.live_certificate import Judged, LiveCertificate, certify
from weir.transforms.screen.live_recall import Drift, LiveRecall, Sample, drift, estimate
from weir.transforms.write.bigquery.sink import BigQuerySettings


@dataclass(frozen=True)
class Audited:
    """One policy and screen over some days, and what the screen's card promises of it.

    ``first`` and ``last`` are the days of the oldest and the newest post, ``days`` how many there
    are in between with any. ``forced`` posts were not screened: the screen had no head.
    """

    policy_id: str
    screen_version: str
    first: date
    last: date
    days: int
    forced: int
    sample: Sample
    certified: float | None  # None where the screen has no certificate for the policy
    judged: Judged = field(default_factory=Judged)

    @property
    def estimate(self) -> LiveRecall:
        """Return recall and missed violations."""
        return estimate(self.sample)

    @property
    def live_certificate(self) -> LiveCertificate | None:
        """Return what is certain of these posts, however often it is asked; None if nothing is."""
        return certify(self.judged)

    @property
    def drift(self) -> Drift | None:
        """Return whether the certificate still fits; None where there is none."""
        return None if self.certified is None else drift(self.sample, self.certified)

    @property
    def drifted(self) -> bool:
        """Return whether the certificate is refuted."""
        return self.drift is not None and self.drift.found

    def words(self) -> str:
        """Return in plain words whether the certificate fits the traffic."""
        sample, found = self.sample, self.drift
        if not sample.escalated + sample.cleared:
            return "no head: all of it is judged, none is missed"
        if not sample.audits_answered:
            return "unknown: no cleared post was audited and judged"
        if found is None:
            return "not certified"
        if found.found:
            certified = f"{found.certified:.1%}"
            return f"drift: recall is below the {certified} certified; train on what was missed"
        if found.more_audits is None:
            return "no violation seen yet, so nothing to tell by"
        if found.more_audits:
            return f"no drift seen; a fall of 10 points needs {found.more_audits:,} more audits"
        return "fits: a fall of 10 points would have been seen"


def audit_days(
    settings: BigQuerySettings,
    run: str,
    *,
    since: date | None = None,
    policy_id: str | None = None,
    max_bytes: int | None = None,
) -> list[Audited]:
    """Return every day, from ``since`` on, of each policy and screen of a run; TablesError.

    A question that would be billed for more than ``max_bytes`` is refused.
    """
    with open_dataset(settings, max_bytes) as dataset:
        return audit_span(dataset, run, _midnight(since or _EVER), _END, policy_id)


def audit_span(
    dataset: Dataset, run: str, begin: datetime, end: datetime, policy_id: str | None = None
) -> list[Audited]:
    """Return the days of the posts written in a time, as ``audit_days`` does. TablesError."""
    asked: dict[str, Value] = {"run": run, "begin": begin, "end": end, "policy": policy_id or ""}
    rows = dataset.rows(narrowed(dataset, _DAYS, WITHIN), **asked)
    verdicts = dataset.rows(narrowed(dataset, _JUDGED, WITHIN), **asked)
    versions = sorted({row["screen_version"] for row in rows})
    cards = {version: _certified(dataset, version) for version in versions}
    judged = _judged(verdicts)
    return [
        Audited(
            policy_id=row["policy_id"],
            screen_version=row["screen_version"],
            first=row["day"],
            last=row["day"],
            days=1,
            forced=row["forced"],
            sample=Sample(**{column: row[column] for column in _COLUMNS}),
            certified=cards[row["screen_version"]].get(row["policy_id"]),
            judged=judged.get(_key(row), Judged()),
        )
        for row in rows
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _judged(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[object, ...], Judged]:
    """Return what was judged by mode, policy, screen and day."""
    found: dict[tuple[object, ...], Judged] = {}
    for row in rows:
        if row["route"] == Route.ESCALATE:
            more = Judged(caught=row["violating"])
        elif row["route"] == Route.BESIDE:
            more = Judged(beside=row["posts"] - row["answered"] + row["violating"])
        elif row["route"] == Route.AUDIT:
            audits = ((row["probability"], row["answered"], row["violating"]),)
            more = Judged(audits=audits, unanswered=row["posts"] - row["answered"])
        else:
            more = Judged()
        found[_key(row)] = found.get(_key(row), Judged()) + more + _cleared_at(row["audit_rate"])
    return found


def _cleared_at(rate: float | None) -> Judged:
    """Return that posts are cleared at an audit rate, though none of it may be audited yet."""
    return Judged() if rate is None else Judged(audits=((rate, 0, 0),))


def _key(row: Mapping[str, Any]) -> tuple[object, ...]:
    return row["mode"], row["policy_id"], row["screen_version"], row["day"]


def added_up(days: Iterable[Audited]) -> list[Audited]:
    """Return the days of each policy and screen as one, in the order of ``audited``."""
    ordered = sorted(days, key=lambda day: (day.policy_id, day.screen_version, day.first))
    groups = groupby(ordered, key=lambda day: (day.policy_id, day.screen_version))
    return [_together(tuple(each)) for _, each in groups]


def _together(days: Sequence[Audited]) -> Audited:
    return replace(
        days[0],
        last=days[-1].last,
        days=len({day.first for day in days}),
        forced=sum(day.forced for day in days),
        sample=Sample.total(day.sample for day in days),
        judged=sum((day.judged for day in days), Judged()),
    )


_COLUMNS = tuple(column.name for column in fields(Sample))
_DAYS = (
    f"SELECT mode, policy_id, screen_version, day, forced, {', '.join(_COLUMNS)} "  # noqa: S608 - our names
    "FROM `{dataset}.live_recall` "
    "WHERE run = @run AND day >= DATE(@begin) AND @policy IN ('', policy_id) "
    "ORDER BY policy_id, screen_version, day"
)
# A replay's own share is in every probability, as the view says. What has no verdict has none.
_JUDGED = f"""
WITH pairs AS (
  SELECT
    l.mode, policy_id, l.screen_version, DATE(created_at) AS day, route, verdict, l.audit_rate,
    LEAST(1.0, COALESCE(inclusion_probability, 1) / COALESCE(r.sample, 1)) AS probability
  FROM `{{dataset}}.decisions` AS l
  LEFT JOIN (SELECT run, MIN(sample) AS sample FROM `{{dataset}}.replays` GROUP BY run) AS r
    USING (run)
  WHERE {WITHIN} AND @policy IN ('', policy_id)
    AND route NOT IN ('forced', 'empty')
)
SELECT
  mode, policy_id, screen_version, day, route, probability,
  COUNT(*) AS posts,
  SUM(IF(verdict IS NULL, 0, 1)) AS answered,
  SUM(IF(COALESCE(verdict, '') = 'violates', 1, 0)) AS violating,
  MIN(audit_rate) AS audit_rate
FROM pairs
GROUP BY mode, policy_id, screen_version, day, route, probability
"""  # noqa: S608 - our names
_EVER = date(1970, 1, 1)  # no post is older
_END = datetime(2100, 1, 1, tzinfo=UTC)  # nor later


def of_run(run: str, since: date | None, policy_id: str | None) -> dict[str, Value]:
    """Return the values of a query over a run, of the posts from a day on, for one policy."""
    return {"run": run, "since": since or _EVER, "policy": policy_id or ""}


_CARD = "SELECT card FROM `{dataset}.screens` WHERE screen_version = @version LIMIT 1"


def _certified(dataset: Dataset, version: str) -> dict[str, float]:
    rows = dataset.rows(_CARD, version=version)
    return certified_recalls(rows[0]["card"]) if rows else {}


def certified_recalls(card: str | None) -> dict[str, float]:
    """Return policy id -> certified recall from a screen's card; none where it is no such card.

    A head is certified where its ``certificate`` says so, and names a ``recall`` between 0 and 1.
    """
    try:
        heads = json.loads(card or "{}").get("heads", [])
        certificates = {head["policy_id"]: head.get("certificate") or {} for head in heads}
        recalls = {
            policy_id: found.get("recall")
            for policy_id, found in certificates.items()
            if found.get("certified") is True
        }
    except (ValueError, AttributeError, KeyError, TypeError):  # a card that people wrote
        return {}
    return {
        policy_id: float(recall)
        for policy_id, recall in recalls.items()
        if isinstance(recall, int | float) and 0 < recall < 1
    }
