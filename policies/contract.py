"""The form in which a policy is answered, and the section that states it where the text fails."""

import re
from collections.abc import Sequence

from weir.policies.policy import Contract, Policy

JSON_KEYS = ("violation", "policy_category", "rule_ids", "confidence", "rationale")
_DECIDING = "violation"
_VALUES = {
    "violation": "0|1",
    "policy_category": '"the policy"|null',
    "rule_ids": '["the rules that are broken"]',
    "confidence": '"low"|"medium"|"high"',
    "rationale": '"one sentence"',
}


def json_keys(policy: Policy) -> tuple[str, ...]:
    """Return the keys of a JSON answer: those that the text names in quotes, or all five."""
    named = tuple(key for key in JSON_KEYS if f'"{key}"' in policy.text)
    return named if _DECIDING in named else JSON_KEYS


def section(policy: Policy) -> str:
    """Return what a model reads under the policy's text, so that it knows the form of the answer.

    It is empty where the text states the form twice, as gpt-oss-safeguard's guide advises (near
    the top, and again before the examples): on two lines that name every label, or in quotes the
    key that decides. It depends on nothing that the policy's version leaves out.
    """
    if policy.contract is Contract.GROUP:
        return ""
    lines = policy.text.split("\n")
    if policy.contract is Contract.JSON:
        stated = sum(f'"{_DECIDING}"' in line for line in lines)
    else:
        stated = sum(all(mentions(line, label) for label in policy.labels) for line in lines)
    return "" if stated >= 2 else f"\n\n## Output\n\n{_form(policy)}"


def json_fields(keys: Sequence[str], violation: str) -> str:
    """Return an object of those keys as a model is shown it; ``violation`` is the value to show."""
    values = _VALUES | {_DECIDING: violation}
    return "{" + ", ".join(f'"{key}": {values[key]}' for key in keys) + "}"


def form_line(policy: Policy) -> str:
    """Return a line that states the form of the answer, to be pasted into the policy's text."""
    if policy.contract is Contract.JSON:
        return f"Answer with one JSON object only: {_object(policy)}"
    labels = ", ".join(f"`{label}`" for label in policy.labels)
    return f"Answer with one of these labels only: {labels}."


def mentions(text: str, word: str) -> bool:
    """Return whether a text has the word, and not as a part of a longer one."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _form(policy: Policy) -> str:
    if policy.contract is Contract.JSON:
        return f"Answer with one JSON object only:\n{_object(policy)}"
    labels = "\n".join(f"- `{label}`: {meaning}" for label, meaning in policy.labels.items())
    if policy.contract is Contract.LABEL:
        return f"Answer with one of these labels only:\n{labels}"
    violating = next(label for label, meaning in policy.labels.items() if meaning == "violates")
    rule = next(iter(policy.rules))
    return (
        "Answer with one of these labels, and behind a violating one the rules that are broken, "
        f"such as `{violating} {rule}`, and nothing else:\n{labels}"
    )


def _object(policy: Policy) -> str:
    return f"`{json_fields(json_keys(policy), _VALUES[_DECIDING])}`"
