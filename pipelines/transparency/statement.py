"""A decision as a statement of reasons of the DSA Transparency Database, API v2.

Every word of it is the policy's or Weir's: of the post only its language and its day go out, and
the identifier is a keyed hash, from which nobody else finds a post.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from weir.pipelines.transparency.decisions import Decision
from weir.pipelines.transparency.validator import LANGUAGES
from weir.policies.dsa_terms import ACTIONS
from weir.policies.grounds import Grounds
from weir.policies.policy import Policy


def missing(grounds: Grounds) -> list[str]:
    """Return what a policy has to name before one of its decisions can be stated."""
    wanted = {
        "legal or contractual ground": grounds.legal or grounds.contractual,
        "category": grounds.category,
        "action": grounds.action,
        "territory": grounds.territory,
    }
    return [what for what, written in wanted.items() if not written]


def puid(decision: Decision, key: str) -> str:
    """Return 40 hex digits that name a decision to whoever has the key, and say nothing else."""
    named = f"{decision.decision_id}\x00{decision.policy_id}".encode()
    return hmac.new(key.encode(), named, hashlib.sha256).hexdigest()[:40]


def statement(decision: Decision, policy: Policy, grounds: Grounds, key: str) -> dict[str, Any]:
    """Return the statement of a decision under grounds that miss nothing."""
    written: dict[str, Any] = {
        "decision_visibility": [ACTIONS[grounds.action or ""]],
        **_ground(grounds, _explanation(decision, policy, grounds)),
        "decision_ground_reference_url": grounds.url,
        "category": grounds.category,
        "category_specification": list(grounds.keywords),
        "content_type": ["CONTENT_TYPE_TEXT"],
        "content_language": _language(decision.language),
        "content_date": decision.created_at.date().isoformat(),
        "application_date": decision.applied_at.date().isoformat(),
        "territorial_scope": list(grounds.territory),
        "decision_facts": _facts(decision, policy),
        # Weir looks for itself: no notice reaches it.
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes" if decision.by_machine else "No",
        "automated_decision": _automated(decision),
        "puid": puid(decision, key),
    }
    return {name: value for name, value in written.items() if value}


def _ground(grounds: Grounds, explanation: str) -> Mapping[str, str | None]:
    if grounds.legal:
        return {
            "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT",
            "illegal_content_legal_ground": grounds.legal,
            "illegal_content_explanation": explanation,
        }
    return {
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": grounds.contractual,
        "incompatible_content_explanation": explanation,
    }


def _explanation(decision: Decision, policy: Policy, grounds: Grounds) -> str:
    # Only rules that the policy has: what a judge writes beside them, a post may have provoked.
    rules = [policy.rules[rule] for rule in decision.rule_ids if rule in policy.rules]
    said = grounds.explanation or f"The post is against the policy “{policy.title}”."
    return " ".join([said, *rules])


def _facts(decision: Decision, policy: Policy) -> str:
    if not decision.by_machine:
        return f"A person read the post and found it against the policy “{policy.title}”."
    found = "was drawn at random" if decision.drawn else "was selected by an automated classifier"
    confirmed = " A person read the post and confirmed it." if decision.by_person else ""
    return (
        f"The post {found} and read by a language model, which found it against the policy "
        f"“{policy.title}”.{confirmed}"
    )


def _automated(decision: Decision) -> str:
    if not decision.by_machine:
        return "AUTOMATED_DECISION_NOT_AUTOMATED"
    return f"AUTOMATED_DECISION_{'PARTIALLY' if decision.by_person else 'FULLY'}"


def _language(tag: str | None) -> str | None:
    primary = (tag or "").replace("_", "-").partition("-")[0].upper()
    return primary if primary in LANGUAGES else None
