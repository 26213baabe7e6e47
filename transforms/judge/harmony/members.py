"""The probability of each member's label in an answer about several policies."""

from collections.abc import Mapping, Sequence

from weir.policies.group import Group
from weir.policies.policy import Contract, Policy
from weir.policies.vocabulary import encoding
from weir.transforms.judge.harmony import messages as harmony
from weir.transforms.judge.harmony.structure import label_tokens, probability_from
from weir.transforms.judge.json_values import Written, written_values

_BEFORE_LABEL = '{"violation": '


def member_probabilities(
    policy: Policy, tokens: Sequence[int], log_probabilities: Sequence[Mapping[int, float]]
) -> dict[str, float]:
    """Return the probability of a violating label by the id of each member where it is known.

    Arguments are as for ``violating_probability``. Of a policy that is no group there are none.
    """
    headers = [place for place, token in enumerate(tokens) if token == harmony.MESSAGE]
    if not isinstance(policy, Group) or len(headers) != 2:
        return {}
    start = headers[1] + 1
    body = [token for token in tokens[start:] if token not in harmony.CONTROL_TOKENS]
    text = harmony.decode(body)
    places = _places(body)
    found: dict[str, float] = {}
    values = {value.key: value for value in written_values(text) or ()}
    for member in policy.members:
        value = values.get(member.policy_id)
        at = None if value is None else _label_at(member, value)
        place = None if at is None else places.get(len(text[:at].encode()))
        # Bytes that are no UTF-8 shift what stands behind them: then it is no part of a label.
        if place is None or body[place] not in label_tokens(member):
            continue
        positions = range(start + place, min(len(tokens), len(log_probabilities)))
        probability = probability_from(member, tokens, log_probabilities, positions)
        if probability is not None:
            found[member.policy_id] = probability
    return found


def _label_at(member: Policy, value: Written) -> int | None:
    """Return where a member's label begins; None where its value is of another form."""
    if member.contract is Contract.JSON:
        known = value.text.startswith(_BEFORE_LABEL)
        return value.start + len(_BEFORE_LABEL) if known else None
    return value.start + 1 if value.text.startswith('"') else None


def _places(tokens: Sequence[int]) -> dict[int, int]:
    """Return each token's number by the byte at which it begins."""
    places: dict[int, int] = {}
    at = 0
    for number, token in enumerate(tokens):
        places[at] = number
        piece = encoding().decode([token], errors="surrogateescape")
        at += len(piece.encode("utf-8", "surrogateescape"))
    return places
