"""Hold a completion to bounded reasoning and then a final message in its policy's contract.

Written as an xgrammar structural tag, which vLLM enforces token by token. Contract words are given
as the tokens that a model writes them with, so no other spelling of a label takes a share of its
probability.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.contract import json_keys
from policies.policy import Contract, Policy
from transforms.judge import harmony
from transforms.records import Outcome

_VOCABULARY = 201_088  # the model's, padded
_CATEGORY_CHARACTERS = 64
_RATIONALE_CHARACTERS = 400  # two sentences
_RULES = 8  # rule ids in one answer


def structural_tag(policy: Policy, reasoning_tokens: int) -> str:
    """Return the JSON for vLLM's ``StructuredOutputsParams(structural_tag=...)``.

    It describes what follows ``<|start|>assistant``: at most ``reasoning_tokens`` ordinary tokens
    on the analysis channel, and one final message.
    """
    reasoning = {
        "type": "any_tokens",
        "max_tokens": reasoning_tokens,
        "exclude_tokens": list(range(min(harmony.CONTROL_TOKENS), _VOCABULARY)),
    }
    header = (harmony.START, *harmony.encode("assistant"))
    elements = [
        *_tokens(harmony.CHANNEL, *harmony.encode("analysis"), harmony.MESSAGE),
        reasoning,
        *_tokens(harmony.END, *header),
        *_tokens(harmony.CHANNEL, *harmony.encode("final"), harmony.MESSAGE),
        _final(policy),
    ]
    return json.dumps({"type": "structural_tag", "format": _sequence(elements)})


def label_tokens(policy: Policy) -> tuple[int, ...]:
    """Return the tokens whose log probabilities ``violating_probability`` needs."""
    return tuple(sorted({token for label in _labels(policy) for token in label.spelling}))


def violating_probability(
    policy: Policy, tokens: Sequence[int], log_probabilities: Sequence[Mapping[int, float]]
) -> float | None:
    """Return the probability of a violating label at the place where the label was written.

    ``tokens`` are a completion's, and ``log_probabilities`` has those of the label tokens at each
    of its positions. None where there is no label to be found.
    """
    open_labels = _labels(policy)
    position = _label_position(policy, tokens)
    violating = safe = 0.0
    share = 1.0  # of the label's probability, what is left to the labels that are open
    depth = 0
    while position is not None and position + depth < min(len(tokens), len(log_probabilities)):
        here = log_probabilities[position + depth]
        branches: dict[int, list[_Label]] = {}
        for label in open_labels:
            branches.setdefault(label.spelling[depth], []).append(label)
        masses = {token: math.exp(here.get(token, -math.inf)) for token in branches}
        total = sum(masses.values())
        if not total > 0:
            return None
        taken: list[_Label] = []
        deeper = 0.0
        for token, labels in branches.items():
            mass = share * masses[token] / total
            if all(label.violates for label in labels):
                violating += mass
            elif not any(label.violates for label in labels):
                safe += mass
            elif token == tokens[position + depth]:
                # Labels of both kinds begin this way: the next token tells more.
                taken, deeper = labels, mass
            # Of a branch of both kinds that was not taken nothing more is known: it is left out.
        if not taken:
            return violating / (violating + safe) if violating + safe > 0 else None
        open_labels, share = taken, deeper
        depth += 1
    return None


@dataclass(frozen=True)
class _Label:
    spelling: tuple[int, ...]  # its tokens, and the one that ends the message
    violates: bool


def _labels(policy: Policy) -> list[_Label]:
    return [
        _Label((*harmony.encode(label), harmony.RETURN), meaning == Outcome.VIOLATES)
        for label, meaning in policy.labels.items()
    ]


def _label_position(policy: Policy, tokens: Sequence[int]) -> int | None:
    """Return where the label begins: the final message, or in JSON its first 0 or 1."""
    headers = [place for place, token in enumerate(tokens) if token == harmony.MESSAGE]
    if len(headers) != 2:
        return None
    start = headers[1] + 1
    if policy.contract is Contract.LABEL:
        return start
    digits = {label.spelling[0] for label in _labels(policy)}
    return next((n for n, token in enumerate(tokens) if n >= start and token in digits), None)


def _final(policy: Policy) -> dict[str, Any]:
    if policy.contract is Contract.LABEL:
        spelt = [_sequence(_tokens(*harmony.encode(label))) for label in policy.labels]
        return {"type": "or", "elements": spelt}
    # Several white-space characters before a value would cost tokens; none at all is not allowed.
    return {"type": "json_schema", "json_schema": _schema(policy), "max_whitespace_cnt": 1}


def _schema(policy: Policy) -> dict[str, Any]:
    values: dict[str, dict[str, Any]] = {
        "violation": {"type": "integer", "enum": [0, 1]},
        "policy_category": {"anyOf": [_text(_CATEGORY_CHARACTERS), {"type": "null"}]},
        "confidence": {"type": "string", "enum": ["low", "medium", "high"]},
        "rationale": _text(_RATIONALE_CHARACTERS),
    }
    if policy.rules:
        rule = {"type": "string", "enum": list(policy.rules)}
        values["rule_ids"] = {"type": "array", "items": rule, "maxItems": _RULES}
    # The label comes first in every answer: its place is how its probability is found.
    keys = [
        "violation",
        *(key for key in json_keys(policy) if key in values and key != "violation"),
    ]
    return {
        "type": "object",
        "properties": {key: values[key] for key in keys},
        "required": keys,
        "additionalProperties": False,
    }


def _text(characters: int) -> dict[str, Any]:
    """Return the schema of a string of so many characters.

    xgrammar 0.2 lets a string with maxLength hold raw control characters, which are not JSON, and
    no escapes, and takes 14 seconds to compile 400; this pattern takes 0.1.
    """
    one = r'([^"\\\x00-\x1f]|\\["\\/bfnrt])'
    return {"type": "string", "pattern": f"^{one}{{0,{characters}}}$"}


def _tokens(*ids: int) -> list[dict[str, Any]]:
    return [{"type": "token", "token": token} for token in ids]


def _sequence(elements: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "sequence", "elements": list(elements)}
