"""The Grafana dashboard of a job, as the JSON that Grafana takes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "infra/grafana/dashboard.json"
_WIDTH, _HEIGHT, _ALL = 8, 7, 24  # in units of Grafana's grid
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_HERE = 'namespace=~"$namespace"'


@dataclass(frozen=True)
class Panel:
    """A chart: what it shows, in which of Grafana's units, of which queries by their legends."""

    title: str
    unit: str
    queries: dict[str, str]
    about: str


def _rate(counter: str, by: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate(weir_{counter}_total{{{_HERE}}}[$__rate_interval]))"


def _share(part: str, whole: str) -> str:
    return f"{_rate(part)} / {_rate(whole)}"


PANELS = (
    Panel(
        "Posts",
        "reqps",
        {"read": _rate("messages"), "screened": _rate("screenings"), "judged": _rate("verdicts")},
        "Messages read a second, and what came of them. Read and screened are the same line.",
    ),
    Panel(
        "Waiting",
        "short",
        {"{{topic}}": f"sum by (topic) (weir_lag{{{_HERE}}})"},
        "Messages that are still to be read, by topic.",
    ),
    Panel(
        "Work that waits for the judge",
        "s",
        {"seconds of one task manager": f"weir:judge_waiting_seconds{{{_HERE}}}"},
        "What the judge is scaled by.",
    ),
    Panel(
        "What the screen asks",
        "percentunit",
        {"escalated pairs for a post": _share("escalations", "screenings")},
        "Requests to the judge for each post, 1 being one for each.",
    ),
    Panel(
        "Verdicts",
        "reqps",
        {
            "violates": _rate("violations"),
            "indeterminate": _rate("indeterminate"),
            "deferred": _rate("deferred"),
        },
        "Verdicts a second; what is over the budget is deferred.",
    ),
    Panel(
        "Violations by policy",
        "reqps",
        {"{{policy}}": _rate("policy_violates", "policy")},
        "Verdicts a second that say a post violates.",
    ),
    Panel(
        "Dead letters",
        "reqps",
        {"all": _rate("dead_letters"), "not in BigQuery": _rate("dead_letters_unstored")},
        "Messages and pairs that could not be processed.",
    ),
    Panel(
        "Tokens of the judge",
        "reqps",
        {
            "read": _rate("judge_tokens_in"),
            "of them found in the cache": _rate("judge_tokens_cached"),
            "written": _rate("judge_tokens_out"),
        },
        "Tokens a second.",
    ),
    Panel(
        "Policies found in the prefix cache",
        "percentunit",
        {"share": _share("judge_tokens_policy_cached", "judge_tokens_policy")},
        "Of the policies' own tokens; near 1 where the cache holds them.",
    ),
    Panel(
        "Requests at the judge",
        "short",
        {"{{pod}}": f"sum by (pod) (weir_judge_in_flight{{{_HERE}}})"},
        "Requests that are not answered yet, by worker.",
    ),
    Panel(
        "Budget",
        "percent",
        {
            "used": f"max (weir_judge_budget_used_percent{{{_HERE}}})",
            "in shadow": f"max (weir_judge_shadow_budget_used_percent{{{_HERE}}})",
        },
        "Above it escalations are deferred, least urgent first.",
    ),
    Panel(
        "Edits refused and surges",
        "short",
        {
            "policies": f"max (weir_policy_reload_failures{{{_HERE}}})",
            "screens": f"max (weir_screen_reload_failures{{{_HERE}}})",
            "surges": f"max (weir_screen_surges{{{_HERE}}})",
        },
        "Edits that are broken and not in force; heads with far more posts than usual.",
    ),
    Panel(
        "Checkpoints",
        "ms",
        {"last took": f"flink_jobmanager_job_lastCheckpointDuration{{{_HERE}}}"},
        "How long Flink's newest checkpoint took.",
    ),
    Panel(
        "Restarts",
        "short",
        {"of the job": f"flink_jobmanager_job_numRestarts{{{_HERE}}}"},
        "How often Flink started the job again.",
    ),
)


def dashboard() -> str:
    """Return the dashboard as JSON."""
    return (
        json.dumps(
            {
                "uid": "weir",
                "title": "Weir",
                "tags": ["weir"],
                "schemaVersion": 39,
                "refresh": "30s",
                "time": {"from": "now-6h", "to": "now"},
                "templating": {"list": list(_variables())},
                "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
            },
            indent=2,
        )
        + "\n"
    )


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    yield {
        "name": "namespace",
        "type": "query",
        "datasource": _SOURCE,
        "query": "label_values(weir_messages_total, namespace)",
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    columns = _ALL // _WIDTH
    row, column = divmod(number, columns)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": expr,
                "legendFormat": legend,
            }
            for place, (legend, expr) in enumerate(panel.queries.items())
        ],
    }
