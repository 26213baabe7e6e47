"""The form in which a policy asks to be answered, and the section that says so where it does not."""

import re

from policies.policy import Contract, Policy

JSON_KEYS = ("violation", "policy_category", "rule_ids", "confidence", "rationale")


def json_keys(policy: Policy) -> tuple[str, ...]:
    """Return the keys of a JSON answer: those that the text names, or all where it names none."""
    named = tuple(key for key in JSON_KEYS if mentions(policy.text, key))
    return named if "violation" in named else JSON_KEYS


def section(policy: Policy) -> str:
    """Return what to add under a policy's text so that a model knows the form of the answer.

    It is empty where the text itself states the form twice, as the published guide advises (near
    the top, and before the examples): on two lines that name every label, or the deciding key.
    """
    words = ("violation",) if policy.contract is Contract.JSON else tuple(policy.labels)
    lines = policy.text.split("\n")
    if sum(all(mentions(line, word) for word in words) for line in lines) >= 2:
        return ""
    return f"\n\n## Output\n\n{_form(policy)}"


def mentions(text: str, word: str) -> bool:
    """Return whether a text has the word, not as a part of a longer one."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _form(policy: Policy) -> str:
    if policy.contract is Contract.JSON:
        fields = ", ".join(f'"{key}": {_VALUES[key]}' for key in json_keys(policy))
        return f"Answer with one JSON object and nothing else:\n{{{fields}}}"
    labels = "\n".join(f"- {label} ({meaning})" for label, meaning in policy.labels.items())
    return f"Answer with exactly one of these labels and nothing else:\n{labels}"


_VALUES = {
    "violation": "0 or 1",
    "policy_category": "the policy's name, or null",
    "rule_ids": "[ids of the rules that are broken]",
    "confidence": '"low", "medium" or "high"',
    "rationale": '"one sentence"',
}
