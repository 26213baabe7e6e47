"""What stands behind the versions on every record: runs, policies and screens as rows."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from weir.distribution import installed_version
from weir.pipelines.bigquery.dataset import Value
from weir.pipelines.bigquery.rows import insert, insert_once
from weir.pipelines.bigquery.salts import kept_salt
from weir.pipelines.settings import ModerationSettings
from weir.policies.policy import Policy, PolicySet
from weir.transforms.counts import Counts
from weir.transforms.screen import ScreenSource, selectivity
from weir.transforms.screen.loaded import LoadedScreen
from weir.transforms.write.bigquery.sink import BigQuerySettings


def record_decider(settings: ModerationSettings) -> None:
    """Store each version of a policy or a screen that this job decides with, once each."""
    RecordPolicies(settings.bigquery)(settings.policies)
    if not settings.stages.screens:
        return
    for screen in (settings.screen, settings.shadow_screen):
        if screen is not None:
            _record_screen(settings.bigquery, screen)


@dataclass(frozen=True)
class RecordPolicies:
    """Stores the versions of a policy set, once each; a worker calls it for those that come later.

    Raises what BigQuery's client does.
    """

    bigquery: BigQuerySettings

    def __call__(self, policies: PolicySet) -> None:
        """Store them."""
        for policy in policies.policies:
            insert_once(
                self.bigquery,
                "policies",
                "policy_version",
                {
                    "policy_version": policy.version,
                    "policy_id": policy.policy_id,
                    "title": policy.title,
                    "owner": policy.owner,
                    "status": str(policy.status),
                    "effort": str(policy.effort),
                    "contract": str(policy.contract),
                    "text": policy.text,
                    "labels": json.dumps(dict(policy.labels)),
                    "rules": json.dumps(dict(policy.rules)),
                    "recorded_at": datetime.now(UTC),
                    **_second_effort(policy),
                },
            )


def _second_effort(policy: Policy) -> dict[str, Value]:
    if policy.second_effort is None:
        return {}
    band = json.dumps(policy.effort_band)
    return {"second_effort": str(policy.second_effort), "effort_band": band}


@dataclass(frozen=True)
class RecordScreen:
    """Stores the version of a screen, once; a worker calls it for those that come later."""

    bigquery: BigQuerySettings

    def __call__(self, screen: LoadedScreen) -> None:
        """Store it; raises what BigQuery's client does."""
        _record_screen(self.bigquery, screen.source)


def _record_screen(bigquery: BigQuerySettings, screen: ScreenSource) -> None:
    insert_once(
        bigquery,
        "screens",
        "screen_version",
        {
            "screen_version": screen.version,
            "card": _card(screen),
            "recorded_at": datetime.now(UTC),
        },
    )


def _card(screen: ScreenSource) -> str:
    """Return the card with what the screen's file knows of how its heads select."""
    try:
        known = json.loads(screen.card())
    except ValueError:
        known = {}
    heads = json.loads(selectivity.to_bytes(screen.screen().selectivity))
    told = known if isinstance(known, dict) else {}
    return json.dumps(told | {"selectivity": heads}, ensure_ascii=False)


def draw_salt(settings: BigQuerySettings) -> str:
    """Return the secret by which posts are drawn, audits above all.

    It is one for all runs that share the dataset: a run that goes on, and one over the same posts,
    draws the same ones. An author who knew it could choose ids that are never audited.
    """
    return kept_salt(settings, "draws")


def record_run(settings: ModerationSettings, counts: Counts, started: float) -> None:
    """Store what a finished run read, decided and counted; ``started`` in epoch seconds."""
    insert(
        settings.bigquery,
        "runs",
        {
            "run": settings.run,
            "mode": str(settings.mode),
            "cluster": settings.kafka.cluster,
            "topics": ",".join(settings.topics),
            "policy_set": settings.policies.version,
            "screen_version": settings.screen.version,
            "audit_rate": settings.audit_rate,
            "weir_version": installed_version(),
            "counts": json.dumps(counts.to_json()),
            "started_at": datetime.fromtimestamp(started, UTC),
            "ended_at": datetime.now(UTC),
        },
    )
