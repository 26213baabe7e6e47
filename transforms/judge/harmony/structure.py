"""Hold a completion to bounded reasoning and then a final message in its policy's contract.

Written as an xgrammar structural tag, which vLLM enforces token by token. What differs between
policies is given as text: xgrammar 0.2.8 takes rules made of different tokens for the same one, and
lets a policy be answered with another one's labels.
"""

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from weir.policies.contract import json_keys
from weir.policies.group import Group, safe_keys
from weir.policies.policy import Contract, Policy
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.records import Outcome

FINAL_TOKENS = 1024  # bound of a final message and the headers around it
_VOCABULARY = 201_088  # the model's, padded
_CATEGORY_TOKENS = 16
_RATIONALE_TOKENS = 100  # two or three sentences
_RULES = 8  # rule ids in one answer
_KNOWN = 0.9  # of the label's probability, at least, or what is known of it says too little
_MOST_TOKENS = 128  # whose log probabilities vLLM gives


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
    return tuple(_pieces(tuple(policy.labels)))


def violating_probability(
    policy: Policy, tokens: Sequence[int], log_probabilities: Sequence[Mapping[int, float]]
) -> float | None:
    """Return the probability of a violating label at the place where the label was written.

    ``tokens`` are a completion's, and ``log_probabilities`` has those of the label tokens at each
    of its positions. Where labels of both kinds begin alike, the tokens that tell them apart count
    as well; of such a beginning that was not written nothing more is known, and it is left out.
    None where that is more than a tenth, or there is no label to be found.
    """
    positions = _label_positions(policy, tokens, log_probabilities)
    return probability_from(policy, tokens, log_probabilities, positions)


def probability_from(
    policy: Policy,
    tokens: Sequence[int],
    log_probabilities: Sequence[Mapping[int, float]],
    positions: range,
) -> float | None:
    """Return the same for a label whose first token stands at the first of the positions."""
    pieces = _pieces(tuple(policy.labels))
    violating = safe = 0.0
    share = 1.0  # of the probability, what belongs to labels that begin as the text so far
    text = ""
    for position in positions:
        here = log_probabilities[position]
        masses = {
            token: math.exp(here[token])
            for token, piece in pieces.items()
            if token in here and _meanings(policy, text, piece)
        }
        total = sum(masses.values())
        if not total > 0:
            return None
        undecided = 0.0
        for token, mass in masses.items():
            meanings = _meanings(policy, text, pieces[token])
            if meanings == {Outcome.VIOLATES}:
                violating += share * mass / total
            elif meanings == {Outcome.SAFE}:
                safe += share * mass / total
            elif token == tokens[position]:
                undecided = share * mass / total
        if not undecided:
            known = violating + safe
            return violating / known if known >= _KNOWN else None
        share, text = undecided, text + pieces[tokens[position]]
    return None


def _meanings(policy: Policy, text: str, piece: str) -> set[str]:
    """Return what the labels mean that the next token leaves open; an empty one ends the label."""
    if not piece:
        return {policy.labels[text]} if text in policy.labels else set()
    return {meaning for label, meaning in policy.labels.items() if label.startswith(text + piece)}


@lru_cache(maxsize=256)
def _pieces(labels: tuple[str, ...]) -> dict[int, str]:
    """Return every token that is a part of a label, and the token that ends one, as their text.

    All of them, because the grammar lets a label be spelt in any way.
    """
    pieces = {harmony.RETURN: ""}
    for label in labels:
        for start, end in itertools.combinations(range(len(label) + 1), 2):
            spelt = harmony.encode(label[start:end])
            if len(spelt) == 1 and len(pieces) < _MOST_TOKENS:
                pieces[spelt[0]] = label[start:end]
    return pieces


def _label_positions(
    policy: Policy, tokens: Sequence[int], log_probabilities: Sequence[Mapping[int, float]]
) -> range:
    """Return the positions from the label's first token on: in JSON, from the first 0 or 1."""
    headers = [place for place, token in enumerate(tokens) if token == harmony.MESSAGE]
    end = min(len(tokens), len(log_probabilities))
    if len(headers) != 2:
        return range(0)
    start = headers[1] + 1
    if policy.contract is Contract.GROUP:
        return range(0)  # it has one for each member
    if policy.contract is Contract.JSON:
        digits = [harmony.encode(label)[0] for label in policy.labels]
        while start < end and tokens[start] not in digits:
            start += 1
    return range(start, end)


def _final(policy: Policy) -> dict[str, Any]:
    match policy.contract:
        case Contract.LABEL:
            return _label(policy)
        case Contract.LABEL_RULES:
            return _label_and_rules(policy)
        case Contract.GROUP:
            assert isinstance(policy, Group)
            return _members(policy)
        case Contract.JSON:
            return _object(policy, _keys(policy), _label(policy))


def _keys(policy: Policy) -> list[str]:
    """Return an object's keys, the label first: its place is how its probability is found."""
    return ["violation", *(key for key in json_keys(policy) if key != "violation")]


def _object(policy: Policy, keys: Sequence[str], label: dict[str, Any]) -> dict[str, Any]:
    elements: list[dict[str, Any]] = []
    for key in keys:
        opening = ", " if elements else "{"
        value = label if key == "violation" else _value(policy, key)
        elements += [_written(f'{opening}"{key}": '), value]
    return _sequence([*elements, _written("}")])


def _members(group: Group) -> dict[str, Any]:
    """Return an object with each member's verdict behind its id."""
    elements: list[dict[str, Any]] = []
    for member in group.members:
        opening = ", " if elements else "{"
        elements += [_written(f'{opening}"{member.policy_id}": '), _member(member)]
    return _sequence([*elements, _written("}")])


def _member(member: Policy) -> dict[str, Any]:
    match member.contract:
        case Contract.JSON:
            safe = _object(member, safe_keys(member), _written("0"))
            return _one_of([safe, _object(member, _keys(member), _written("1"))])
        case Contract.LABEL_RULES:
            return _sequence([_written('"'), _label_and_rules(member), _written('"')])
        case _:
            return _one_of(_written(json.dumps(label)) for label in member.labels)


def _label_and_rules(policy: Policy) -> dict[str, Any]:
    """Return a label, a violating one with the rules that are broken: INVALID SP2, SP4."""
    rule = _one_of(_written(rule_id) for rule_id in policy.rules)
    more = _up_to(_RULES - 1, [_written(", "), rule])
    cited = _up_to(1, [_written(" "), rule, more])
    return _one_of(
        _sequence([_written(label), cited]) if meaning == Outcome.VIOLATES else _written(label)
        for label, meaning in policy.labels.items()
    )


def _label(policy: Policy) -> dict[str, Any]:
    return _one_of(_written(label) for label in policy.labels)


def _value(policy: Policy, key: str) -> dict[str, Any]:
    match key:
        case "policy_category":
            return _one_of([_written("null"), _text(_CATEGORY_TOKENS)])
        case "confidence":
            return _one_of(_written(f'"{word}"') for word in ("low", "medium", "high"))
        case "rule_ids":
            return _rule_ids(policy)
        case _:
            return _text(_RATIONALE_TOKENS)


def _rule_ids(policy: Policy) -> dict[str, Any]:
    if not policy.rules:
        return _written("[]")
    rule = _one_of(_written(json.dumps(rule_id)) for rule_id in policy.rules)
    more = _up_to(_RULES - 1, [_written(", "), rule])
    return _one_of([_written("[]"), _sequence([_written("["), rule, more, _written("]")])])


def _up_to(times: int, elements: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "repeat", "min": 0, "max": times, "content": _sequence(elements)}


def _text(tokens: int) -> dict[str, Any]:
    """Return a JSON string of so many tokens, with no character that would have to be escaped.

    Nor a control token, which xgrammar takes for its text, such as <|end|>.
    Not by json_schema: with maxLength, xgrammar 0.2.8 lets a string hold raw control characters,
    which are not JSON, and takes seconds to compile one of some hundred characters.
    """
    never = ["<|", '"', "\\", *(chr(code) for code in range(1, 0x20))]
    inside = {"type": "any_text", "excludes": never, "max_tokens": tokens}
    return _sequence([_written('"'), inside, _written('"')])


def _written(text: str) -> dict[str, Any]:
    return {"type": "const_string", "value": text}


def _one_of(elements: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "or", "elements": list(elements)}


def _tokens(*ids: int) -> list[dict[str, Any]]:
    return [{"type": "token", "token": token} for token in ids]


def _sequence(elements: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "sequence", "elements": list(elements)}
