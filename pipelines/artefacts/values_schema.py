"""The chart's schema of values: what a job may be told is what ``weir run`` takes."""

import json
from pathlib import Path
from typing import Any

from weir.pipelines.options.schema import schema

FILE = Path(__file__).resolve().parents[2] / "infra/kubernetes/weir/values.schema.json"
# What the chart says of a job itself.
OF_THE_CHART = (
    *("stages", "runner", "supervised", "resume", "checkpoints", "drain-seconds"),
    *("log-format", "metrics-port", "metrics-host", "open-ports"),
)


def options_schema() -> dict[str, Any]:
    """Return the schema of a job's options in the chart's values."""
    properties = {k: v for k, v in schema()["properties"].items() if k not in OF_THE_CHART}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def values_schema(written: str) -> str:
    """Return the chart's schema with the options of today, and all else as it is written."""
    said = json.loads(written)
    said["$defs"]["options"] = options_schema()
    return json.dumps(said, indent=2) + "\n"
