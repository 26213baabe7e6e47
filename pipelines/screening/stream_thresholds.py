"""Where thresholds that follow the stream begin, as a job starts.

At the quantiles of the topics' last posts: that needs no state, and is right for whatever the
stream has become meanwhile. But a job that is started again in the middle of an attack would take
the attack for its stream, so thresholds stay as near to the last recorded ones as a running job
could have moved them. Those rows are the only thing that outlives a worker.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import GoogleAPICallError

from weir.pipelines.bigquery.dataset import connect
from weir.pipelines.screening.stream_sample import sample_of_topics
from weir.pipelines.settings import ModerationSettings
from weir.transforms.read import SourceError
from weir.transforms.screen.thresholds.decide import Start
from weir.transforms.screen.thresholds.group import SPEED, YOUNG
from weir.transforms.screen.thresholds.sketch import logit
from weir.transforms.screen.thresholds.stream import Known

_LOG = logging.getLogger(__name__)
_DAYS = 7  # after which a threshold may have gone anywhere


def start_thresholds(settings: ModerationSettings) -> ModerationSettings:
    """Return the settings with what the latest posts say of the screens' thresholds.

    Without posts they begin with the first ones that come. A replay takes those of its slice and
    stays with them, so that it decides the same however often it is tried.
    """
    shares = settings.shares
    if shares is None or not settings.stages.screens or settings.audit_rate >= 1:
        return settings
    within = settings.replay.whole if settings.replay else None
    try:
        found = sample_of_topics(settings.kafka, settings.topics, settings.decode, within=within)
    except SourceError as error:
        _LOG.warning("thresholds begin with the first posts that come: %s", error)
        return settings
    known = () if settings.replay else _known(settings)
    starts = tuple(
        replace(
            Start.of(each.screen(), found.texts, known if each is settings.screen else ()),
            taken_at=found.until,
        )
        for each in (settings.screen, settings.shadow_screen)
        if each is not None and found.texts
    )
    follows = settings.replay is None
    return replace(settings, shares=replace(shares, starts=starts, follows=follows))


def _known(settings: ModerationSettings) -> tuple[Known, ...]:
    """Return the thresholds that this run last had with this screen."""
    try:
        with connect(settings.bigquery) as dataset:
            rows = dataset.rows(_LAST, run=settings.run, screen=settings.screen.version)
    except GoogleAPICallError as error:
        _LOG.warning("the last thresholds cannot be read (%s)", type(error).__name__)
        return ()
    now = datetime.now(UTC)
    return tuple(_one(row, now) for row in rows)


def _one(row: dict[str, Any], now: datetime) -> Known:
    seconds = max(0.0, (now - row["decided_at"]).total_seconds())
    return Known(row["policy_id"], row["language"], logit(row["threshold"]), SPEED * seconds)


_LAST = f"""
SELECT policy_id, language, threshold, decided_at
FROM `{{dataset}}.thresholds`
WHERE run = @run AND screen_version = @screen AND posts >= {YOUNG}
  AND decided_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {_DAYS} DAY)
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY policy_id, language ORDER BY decided_at DESC, decision_id
) = 1
"""  # noqa: S608 - our names
