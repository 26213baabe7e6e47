"""What the audit says of the screens of a run: the ``live_recall`` view, added up over days."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import date
from itertools import groupby
from typing import Any

from google.cloud import bigquery

from pipelines.queries import execute
from pipelines.tables import explained
from transforms.screen.audit import Drift, LiveRecall, Sample, drift, estimate
from transforms.write.bigquery import BigQuerySettings


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

    @property
    def estimate(self) -> LiveRecall:
        """Return recall and missed violations."""
        return estimate(self.sample)

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
        certified = f"{found.certified:.1%}"
        if found.found:
            return f"drift: the recall is below the {certified} that is certified; train it again"
        if found.more_audits is None:
            return "no violation seen yet, so nothing to tell by"
        if found.more_audits:
            return f"no drift seen; a fall of 10 points needs {found.more_audits:,} more audits"
        return "fits: a fall of 10 points would have been seen"


def audited(
    settings: BigQuerySettings,
    run: str,
    *,
    since: date | None = None,
    policy_id: str | None = None,
    by_day: bool = False,
) -> list[Audited]:
    """Return the policies and screens of a run, from day ``since`` on; TablesError.

    With ``by_day`` every day by itself, else all days together.
    """
    dataset = f"{settings.project}.{settings.dataset}"
    sql = _DAYS.replace("{dataset}", dataset)
    with explained(settings), closing(settings.client()) as client:
        rows = execute(client, sql, chosen(run, since, policy_id))
        versions = sorted({row["screen_version"] for row in rows})
        cards = {version: _certified(client, dataset, version) for version in versions}
    keys = ("policy_id", "screen_version", *(("day",) if by_day else ()))
    groups = groupby(rows, key=lambda row: tuple(row[key] for key in keys))
    return [_together(list(days), cards) for _, days in groups]


_COLUMNS = tuple(field.name for field in fields(Sample))
_DAYS = (
    f"SELECT policy_id, screen_version, day, forced, {', '.join(_COLUMNS)} "  # noqa: S608 - our names
    "FROM `{dataset}.live_recall` "
    "WHERE run = @run AND day >= @since AND @policy IN ('', policy_id) "
    "ORDER BY policy_id, screen_version, day"
)
_EVER = date(1970, 1, 1)  # no post is older


def chosen(
    run: str, since: date | None, policy_id: str | None
) -> list[bigquery.ScalarQueryParameter]:
    """Return the parameters of a query over a run, of the posts from a day on, for one policy."""
    return [
        bigquery.ScalarQueryParameter("run", "STRING", run),
        bigquery.ScalarQueryParameter("since", "DATE", since or _EVER),
        bigquery.ScalarQueryParameter("policy", "STRING", policy_id or ""),
    ]


def _together(days: Sequence[dict[str, Any]], cards: dict[str, dict[str, float]]) -> Audited:
    first, last = days[0], days[-1]
    samples = (Sample(**{column: day[column] for column in _COLUMNS}) for day in days)
    return Audited(
        policy_id=first["policy_id"],
        screen_version=first["screen_version"],
        first=first["day"],
        last=last["day"],
        days=len(days),
        forced=sum(day["forced"] for day in days),
        sample=Sample.total(samples),
        certified=cards[first["screen_version"]].get(first["policy_id"]),
    )


def _certified(client: bigquery.Client, dataset: str, version: str) -> dict[str, float]:
    rows = execute(
        client,
        f"SELECT card FROM `{dataset}.screens` WHERE screen_version = @version LIMIT 1",  # noqa: S608
        [bigquery.ScalarQueryParameter("version", "STRING", version)],
    )
    return certified_recalls(rows[0]["card"]) if rows else {}


def certified_recalls(card: str | None) -> dict[str, float]:
    """Return policy id -> certified recall from a screen's card; none where it is no such card.

    A head is certified where its ``certificate`` is an object with a ``recall`` between 0 and 1.
    """
    try:
        heads = json.loads(card or "{}").get("heads", [])
        certificates = {head["policy_id"]: head.get("certificate") or {} for head in heads}
        recalls = {each: found.get("recall") for each, found in certificates.items()}
    except (ValueError, AttributeError, KeyError, TypeError):  # a card that people wrote
        return {}
    return {
        policy_id: float(recall)
        for policy_id, recall in recalls.items()
        if isinstance(recall, int | float) and 0 < recall < 1
    }
