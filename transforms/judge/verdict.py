"""From what an engine answered to a verdict: strictly, because a guess would be a decision.

An answer is violating or safe only where it is complete and says so in the policy's own output
contract. Everything else is indeterminate, with a reason. Nothing here raises, whatever the text.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from weir.policies.policy import Contract, Policy
from weir.transforms.judge.engine import Completion, Finish
from weir.transforms.records import Outcome

MOST_OF_ANSWER = 4096  # characters kept of one that cannot be read
_LEFT_OUT = "\n\n[part of the answer left out]\n\n"


class Reason(StrEnum):
    """Why a verdict is indeterminate."""

    UNCERTAIN = "uncertain"  # the engine declined to decide
    CUT_OFF = "cut_off"  # the answer ran into its length limit
    UNFINISHED = "unfinished"  # it stopped for some other reason
    PROMPT_CUT = "prompt_cut"  # the server dropped a part of policy or post, and answered
    CONTENT_FILTER = "content_filter"  # a filter of the provider keeps the post from the model
    MISSING_FINAL = "missing_final"  # nothing, or only reasoning
    UNKNOWN_LABEL = "unknown_label"  # not one of the policy's labels; a refusal is one of these
    NOT_JSON = "not_json"  # a refusal, prose, or broken JSON
    TRAILING_TEXT = "trailing_text"  # more after the JSON object
    DUPLICATE_KEY = "duplicate_key"  # which of the two is meant?
    MALFORMED = "malformed"  # JSON, but not in the contract
    UNKNOWN_RULE = "unknown_rule"  # cites a rule that the policy does not have
    CONTRADICTION = "contradiction"  # safe, and yet it cites a rule that is broken
    UNREAD = "unread"  # safe, as far as the post was read: it is too long


@dataclass(frozen=True)
class Verdict:
    """What was decided; ``reason`` is set where, and only where, it is indeterminate.

    ``answer`` is then what was said in place of a verdict, up to MOST_OF_ANSWER characters of it.
    """

    outcome: Outcome
    probability: float | None = None  # of a violation, in [0, 1]
    confidence: str | None = None  # low, medium or high, as the model says of itself
    categories: tuple[str, ...] = ()
    rule_ids: tuple[str, ...] = ()
    rationale: str | None = None
    reasoning: str | None = None
    reason: Reason | None = None
    answer: str | None = None


@dataclass(frozen=True)
class _Final:
    violates: bool
    confidence: str | None = None
    categories: tuple[str, ...] = ()
    rule_ids: tuple[str, ...] = ()
    rationale: str | None = None


class _UnreadableError(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def parse(completion: Completion, policy: Policy) -> Verdict:
    """Return the verdict that a completion states in the policy's contract."""
    probability = completion.probability
    if probability is not None and not 0.0 <= probability <= 1.0:  # NaN fails this as well
        probability = None
    try:
        final = _final(completion, policy)
    except _UnreadableError as unreadable:
        return Verdict(
            Outcome.INDETERMINATE,
            probability,
            rationale=_storable(completion.rationale),
            reasoning=_storable(completion.reasoning),
            reason=unreadable.reason,
            answer=_storable(_bounded(completion.final)),
        )
    return Verdict(
        Outcome.VIOLATES if final.violates else Outcome.SAFE,
        probability,
        final.confidence,
        final.categories,
        final.rule_ids,
        _storable(final.rationale if final.rationale is not None else completion.rationale),
        _storable(completion.reasoning),
    )


def _final(completion: Completion, policy: Policy) -> _Final:
    match completion.finish_reason:
        case Finish.STOP:
            pass
        case Finish.LENGTH:
            raise _UnreadableError(Reason.CUT_OFF)
        case Finish.UNCERTAIN:
            raise _UnreadableError(Reason.UNCERTAIN)
        case Finish.PROMPT_CUT:
            raise _UnreadableError(Reason.PROMPT_CUT)
        case Finish.CONTENT_FILTER:
            raise _UnreadableError(Reason.CONTENT_FILTER)
        case _:
            raise _UnreadableError(Reason.UNFINISHED)
    text = (completion.final or "").strip()
    if not text:
        raise _UnreadableError(Reason.MISSING_FINAL)
    match policy.contract:
        case Contract.LABEL:
            final = _label(_undecorated(text, policy), policy)
        case Contract.LABEL_RULES:
            final = _label_and_rules(_undecorated(text, policy), policy)
        case Contract.JSON:
            final = _json(unfenced(text), policy)
        case Contract.GROUP:  # read member by member: see joint_questions
            raise _UnreadableError(Reason.MALFORMED)
    if not final.violates and completion.tokens_cut:
        raise _UnreadableError(Reason.UNREAD)
    return final


def _undecorated(text: str, policy: Policy) -> str:
    """Return a label without the backticks around it, or without the full stop behind it.

    One of the two and no more: beyond that it is no label with something to it, but a sentence.
    """
    if text in policy.labels:
        return text
    quoted = _between_backticks(text)
    return text.removesuffix(".") if quoted is None else quoted


def unfenced(text: str) -> str:
    """Return what stands in the one fence of a text; the text itself where it is in none."""
    quoted = _between_backticks(text)
    if quoted is None:
        return text
    return quoted[4:].strip() if quoted[:4].lower() == "json" else quoted


def _between_backticks(text: str) -> str | None:
    for mark in ("```", "`"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            return text[len(mark) : -len(mark)].strip()
    return None


def _label(text: str, policy: Policy) -> _Final:
    meaning = policy.labels.get(text)
    if meaning not in (Outcome.VIOLATES, Outcome.SAFE):
        raise _UnreadableError(Reason.UNKNOWN_LABEL)
    violates = meaning == Outcome.VIOLATES
    return _Final(violates, rule_ids=(text,) if violates and text in policy.rules else ())


def _label_and_rules(text: str, policy: Policy) -> _Final:
    """Return what a label says, if every code behind it says the same.

    A code is a rule, which is broken, or another label: ``INVALID SP2, SP4``, ``VALID SP0``.
    """
    begun = [label for label in policy.labels if text.startswith(label)]
    label = max(begun, key=len, default="")
    codes = _CODES.fullmatch(text, len(label))
    if not label or not codes:
        raise _UnreadableError(Reason.UNKNOWN_LABEL)
    said = (label, *_CODE.findall(codes[0]))
    if any(code not in policy.labels and code not in policy.rules for code in said):
        raise _UnreadableError(Reason.UNKNOWN_RULE)
    meanings = {policy.labels.get(code, Outcome.VIOLATES) for code in said}
    if meanings == {Outcome.SAFE}:
        return _Final(violates=False)
    if meanings != {Outcome.VIOLATES}:
        raise _UnreadableError(Reason.CONTRADICTION)
    cited = tuple(dict.fromkeys(code for code in said if code in policy.rules))
    return _Final(violates=True, rule_ids=cited)


def _json(text: str, policy: Policy) -> _Final:
    answer = _object(text)
    violation = answer.get("violation", "")
    if violation is None:
        raise _UnreadableError(Reason.UNCERTAIN)
    # 1.0 == 1 and "1" would be a guess: only what the contract names.
    if not (isinstance(violation, bool) or (isinstance(violation, int) and violation in (0, 1))):
        raise _UnreadableError(Reason.MALFORMED)
    category, rationale = answer.get("policy_category"), answer.get("rationale")
    # It decides nothing, so an odd one is left out and spoils nothing.
    confidence = answer.get("confidence") if answer.get("confidence") in _CONFIDENCES else None
    rule_ids = answer.get("rule_ids")
    if not (_is_text(category) and _is_text(rationale) and _is_text_list(rule_ids)):
        raise _UnreadableError(Reason.MALFORMED)
    cited = tuple(dict.fromkeys(rule_ids or ()))
    if any(rule not in policy.rules for rule in cited):
        raise _UnreadableError(Reason.UNKNOWN_RULE)
    if not violation and cited:
        raise _UnreadableError(Reason.CONTRADICTION)
    named = policy.category(category) if violation else None
    return _Final(bool(violation), confidence, (named,) if named else (), cited, rationale)


def _object(text: str) -> dict[str, Any]:
    try:
        answer, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):  # ValueError: not JSON, or a number of 4,300 digits
        raise _UnreadableError(Reason.NOT_JSON) from None
    if not isinstance(answer, dict):
        raise _UnreadableError(Reason.MALFORMED)
    if end != len(text):
        raise _UnreadableError(Reason.TRAILING_TEXT)
    return answer


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    answer = dict(pairs)
    if len(answer) != len(pairs):
        raise _UnreadableError(Reason.DUPLICATE_KEY)
    return answer


_CODES = re.compile(r"(?:(?:, ?| )[^\s,]+)*")
_CODE = re.compile(r"[^\s,]+")
_CONFIDENCES = ("low", "medium", "high")
_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_text_list(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _bounded(answer: str | None) -> str | None:
    """Return an answer without its middle where it is long: how it begins and ends says most."""
    if answer is None or len(answer) <= MOST_OF_ANSWER:
        return answer
    half = (MOST_OF_ANSWER - len(_LEFT_OUT)) // 2
    return f"{answer[:half]}{_LEFT_OUT}{answer[-half:]}"


def _storable(text: str | None) -> str | None:
    """JSON escapes can spell half a surrogate pair, which neither Arrow nor BigQuery stores."""
    if text is None:
        return None
    return text.encode("utf-8", "replace").decode()
