"""A small policy in each of the published forms of an answer."""

from weir.policies.loading import parse_policy
from weir.policies.policy import Policy


def _policy(front: str, text: str) -> Policy:
    document = f"---\ntitle: Noise\nowner: team\n{front}---\n{text}"
    return parse_policy(document.encode())


_DIGITS = 'labels:\n  "1": violates\n  "0": safe\n'
_RULES = "rules:\n  NO1: Shouting.\n  NO2: Honking.\n"

BARE = _policy(
    f"id: bare\ncontract: label\n{_DIGITS}",
    "Is the post noise? Answer 0 or 1.\n\nNoise is shouting.\n\nExamples (0 or 1):\n- HEY! → 1",
)
SHORT_JSON = _policy(
    f"id: short-json\n{_DIGITS}",
    'Is the post noise? Answer {"violation": 0|1, "policy_category": "noise"|null}.\n\n'
    'Examples, each as {"violation", "policy_category"}:\n- HEY! → violation 1',
)
FULL_JSON = _policy(
    f"id: full-json\n{_DIGITS}{_RULES}",
    'Answer {"violation", "policy_category", "rule_ids", "confidence", "rationale"}.\n\n'
    "NO1 is shouting, NO2 is honking.\n\n"
    'Examples, each as {"violation", "policy_category", "rule_ids", "confidence", "rationale"}:\n'
    "- HEY! → violation 1, NO1",
)
LEVELS = _policy(  # the answer is the code of a level
    'id: levels\ncontract: label\nlabels:\n  "NO0": safe\n  "NO1": violates\n  "NO2": violates\n'
    + _RULES,
    "Answer NO0, NO1 or NO2.\n\nExamples (NO0, NO1 or NO2):\n- HEY! → NO1",
)
LABEL_AND_CODES = _policy(
    "id: label-and-codes\ncontract: label-rules\n"
    "labels:\n  VALID: safe\n  INVALID: violates\n  NO0: safe\n" + _RULES,
    "Noise Policy (#NO)\nGOAL: Classify each EXAMPLE as VALID or INVALID.\n\n"
    "✅ Allowed (NO0)\nNO0.a Talk – “Hello.”\n✅ Output: VALID\n\n"
    "❗ Noise (NO1)\nNO1.a Shouting – “HEY!”\n❌ Output: INVALID\n",
)
FORMS = (BARE, SHORT_JSON, FULL_JSON, LEVELS, LABEL_AND_CODES)
