"""The policy's form of an answer as a JSON Schema, for servers that hold a model to one."""

from typing import Any

from weir.policies.contract import json_keys
from weir.policies.policy import Policy
from weir.transforms.judge.endpoint.settings import Schema


def response_format(policy: Policy, schema: Schema) -> dict[str, Any]:
    """Return the field by which a server is asked for a policy's JSON contract."""
    form = json_schema(policy)
    if schema is Schema.JSON_OBJECT:
        return {"type": "json_object", "schema": form}
    named = {"name": "verdict", "strict": True, "schema": form}
    return {"type": "json_schema", "json_schema": named}


def json_schema(policy: Policy) -> dict[str, Any]:
    """Return the schema of an object in the policy's contract, its keys in the order of its text.

    Only what every server understands: no lengths, no counts, and every key is required.
    """
    rules = {"type": "array", "items": {"type": "string", "enum": list(policy.rules)}}
    properties = {
        key: rules if key == "rule_ids" else _VALUES[key]
        for key in json_keys(policy)
        if key != "rule_ids" or policy.rules  # of none there is nothing to choose from
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_VALUES: dict[str, dict[str, Any]] = {
    "violation": {"type": "integer", "enum": [0, 1]},
    "policy_category": {"type": ["string", "null"]},
    "confidence": {"type": "string", "enum": ["low", "medium", "high"]},
    "rationale": {"type": "string"},
}
