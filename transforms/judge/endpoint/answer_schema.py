"""The policy's form of an answer as a JSON Schema, for servers that hold a model to one."""

from collections.abc import Sequence
from typing import Any

from weir.policies.contract import json_keys
from weir.policies.group import Group, safe_keys
from weir.policies.policy import Contract, Policy
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
    if isinstance(policy, Group):
        return _object({each.policy_id: _member(each) for each in policy.members})
    return _verdict(policy, json_keys(policy), [0, 1])


def _member(member: Policy) -> dict[str, Any]:
    match member.contract:
        case Contract.JSON:
            safe = _verdict(member, safe_keys(member), [0])
            return {"anyOf": [safe, _verdict(member, json_keys(member), [1])]}
        case Contract.LABEL:
            return {"type": "string", "enum": list(member.labels)}
        case _:
            return {"type": "string"}


def _verdict(policy: Policy, keys: Sequence[str], violation: list[int]) -> dict[str, Any]:
    values = _VALUES | {
        "violation": {"type": "integer", "enum": violation},
        "rule_ids": {"type": "array", "items": {"type": "string", "enum": list(policy.rules)}},
    }
    # Of no rules there is nothing to choose from.
    return _object({key: values[key] for key in keys if key != "rule_ids" or policy.rules})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_VALUES: dict[str, dict[str, Any]] = {
    "policy_category": {"type": ["string", "null"]},
    "confidence": {"type": "string", "enum": ["low", "medium", "high"]},
    "rationale": {"type": "string"},
}
