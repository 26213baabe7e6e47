"""A policy document in parts, for tests that change one."""

from pathlib import Path

import pytest

from weir.policies.loading import parse_policy
from weir.policies.policy import PolicyError

FRONT = """\
---
id: loans
title: Loans between strangers
owner: Trust & Safety
labels:
  "1": violates
  "0": safe
rules:
  LOAN1: Asking a stranger for money.
---
"""


OUTPUT = '{"violation": 0|1, "policy_category", "rule_ids", "confidence", "rationale"}'


TEXT = f"""\
## Instruction

Answer with {OUTPUT}.

VIOLATES takes precedence over SAFE. When unsure, answer 0.

## Definitions

- **Stranger**: someone else. {"One more thing to know about strangers. " * 45}

## Criteria

### VIOLATES

- LOAN1: asks.

### SAFE

- Gives.

## Examples

Answer with {OUTPUT}.

- "Lend me ten" → violation 1, LOAN1.
- "Have ten" → violation 0.
- "Lend me twenty" → violation 1, LOAN1.
- "Have twenty" → violation 0.
"""


DOCUMENT = FRONT + TEXT


EXAMPLES = "text,label,rule_id,note\n"


POLICY = parse_policy(DOCUMENT.encode())


def folder(root: Path, name: str, document: str = DOCUMENT, examples: str = "") -> Path:
    place = root / name
    place.mkdir()
    (place / "policy.md").write_text(document, encoding="utf-8")
    if examples:
        (place / "examples.csv").write_text(examples, encoding="utf-8")
    return place


def refusal(document: str | bytes, examples: str | bytes | None = None) -> str:
    as_bytes = document.encode() if isinstance(document, str) else document
    table = examples.encode() if isinstance(examples, str) else examples
    with pytest.raises(PolicyError) as caught:
        parse_policy(as_bytes, examples=table)
    return str(caught.value)
