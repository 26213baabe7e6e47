"""The names under which Prometheus has the numbers of a job."""

from dataclasses import fields

from weir.transforms.counts import Counts

_BY_REASON = {"policies", "reasons"}
_OF_THE_JUDGE = (
    *("requests", "asked_alone", "cache_hits"),
    *("tokens_in", "tokens_cached", "tokens_out", "tokens_reasoning"),
    *("tokens_policy", "tokens_policy_cached"),
)
_OF_A_POLICY = ("escalations", "violates", "safe", "indeterminate")

COUNTERS = frozenset(
    {
        *(f"weir_{each.name}_total" for each in fields(Counts) if each.name not in _BY_REASON),
        *(f"weir_judge_{name}_total" for name in _OF_THE_JUDGE),
        *(f"weir_policy_{name}_total" for name in _OF_A_POLICY),
        "weir_dead_letter_reasons_total",
        "weir_lost_messages_total",
    }
)
GAUGES = frozenset(
    {
        "weir_lag",
        "weir_screen_surges",
        "weir_judge_in_flight",
        "weir_judge_reuse_trusted",
        "weir_judge_budget_used_percent",
        "weir_judge_shadow_budget_used_percent",
        *(f"weir_{what}_reload_failures" for what in ("policy", "screen", "shadow_screen")),
    }
)
# Of a job in process or on Prism alone: Flink shows no distribution of Beam's to Prometheus.
HISTOGRAMS = frozenset(
    {"weir_latency_seconds", "weir_judge_latency_seconds", "weir_judge_queue_seconds"}
)
# Of Flink's own, as its job manager reports them.
FLINK = frozenset(
    {
        "flink_jobmanager_job_numberOfCompletedCheckpoints",
        "flink_jobmanager_job_numberOfFailedCheckpoints",
        "flink_jobmanager_job_lastCheckpointDuration",
        "flink_jobmanager_job_lastCheckpointSize",
        "flink_jobmanager_job_numRestarts",
        "flink_jobmanager_job_uptime",
    }
)
