"""The chart's schema of values: what a job may be told is what ``weir run`` takes."""

import json
from pathlib import Path
from typing import Any

from weir.pipelines.options.file import BEAM
from weir.pipelines.options.schema import schema

FILE = Path(__file__).resolve().parents[2] / "infra/kubernetes/weir/values.schema.json"
# What the chart says of a job itself.
OF_THE_CHART = (
    *("stages", "runner", "supervised", "resume", "checkpoints", "drain-seconds"),
    *("log-format", "metrics-port", "metrics-host", "open-ports"),
)
# What helm says of a name that this pattern has is the constant that its value would have to be.
_SECRETS = {
    "(passwd|password|passphrase|secret|token|key)$"
    "|(PASSWD|PASSWORD|PASSPHRASE|SECRET|TOKEN|KEY)$": {
        "const": "in a Secret, whose name is secrets.name (infra/kubernetes/weir/values.yaml)"
    }
}
_MISWRITTEN = {"[^a-z0-9-]": {"const": "under a name with dashes, as weir run --help writes it"}}


def options_schema() -> dict[str, Any]:
    """Return the schema of a job's options in the chart's values."""
    properties = {k: v for k, v in schema()["properties"].items() if k not in OF_THE_CHART}
    properties[BEAM] = properties[BEAM] | {"patternProperties": _SECRETS}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "patternProperties": _SECRETS | _MISWRITTEN,
    }


def plain_schema() -> dict[str, Any]:
    """Return the schema of names and texts that whoever may look at the cluster reads."""
    return {
        "type": "object",
        "patternProperties": _SECRETS,
        "additionalProperties": {"type": "string"},
    }


def values_schema(written: str) -> str:
    """Return the chart's schema with the options of today, and all else as it is written."""
    said = json.loads(written)
    said["$defs"] = {"options": options_schema(), "plain": plain_schema()}
    return json.dumps(said, indent=2) + "\n"
