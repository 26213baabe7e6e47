"""Say what would make a model misread a policy, after gpt-oss-safeguard's published guide."""

import re
from collections.abc import Iterator

from weir.policies.contract import form_line, json_keys, mentions
from weir.policies.draft import (
    UNTOUCHED,
    examples_of_template,
    is_untouched,
    left_of_template,
    rules_of_template,
)
from weir.policies.example_checks import check_golden, check_shown
from weir.policies.finding import Finding
from weir.policies.parts import BULLET, PARTS, Part, bullets, parts_of
from weir.policies.policy import Contract, Policy
from weir.policies.vocabulary import encoding
from weir.policies.wording import check_precedence, check_words

__all__ = ["Finding", "check", "line_of_file", "tokens"]

# The guide's range; a longer policy still works, and each of its tokens is read for every post.
_FEWEST_TOKENS, _MOST_TOKENS = 400, 600
# Beyond this the guide's authors saw accuracy fall, and a post may no longer fit beside it.
_TOKEN_LIMIT = 10_000
_FEWEST_EXAMPLES, _MOST_EXAMPLES = 4, 6


def check(policy: Policy) -> list[Finding]:
    """Return what would make ``policy`` read badly, in the order of its lines."""
    parts = parts_of(policy.text)
    return sorted(
        [
            *_check_parts(parts),
            *_check_length(policy.text),
            *_check_contract(policy, parts),
            *_check_rules(policy),
            *_check_written(policy, parts),
            *check_words(policy.text, parts),
            *check_precedence(policy.text, parts),
            *check_shown(policy, parts.get("Examples")),
            *check_golden(policy),
        ]
    )


def line_of_file(policy: Policy, finding: Finding) -> int:
    """Return the line of the file that a finding is about; 0 is the whole of it."""
    in_text = finding.source == "policy.md" and finding.line > 0
    return finding.line + policy.text_line - 1 if in_text else finding.line


def tokens(text: str) -> int:
    """Return how many tokens a model of the gpt-oss family reads in ``text``."""
    # Control strings count as plain text: that is how the policy is rendered.
    return len(encoding().encode(text, disallowed_special=()))


def _check_parts(parts: dict[str, Part]) -> Iterator[Finding]:
    for name in PARTS:
        if name not in parts:
            yield Finding(0, "error", f"there is no part '## {name}'; add it")
        elif not parts[name].body.strip():
            yield Finding(parts[name].line, "error", f"{name} is empty; write it")
    in_order = [name for name in PARTS if name in parts]
    if in_order != list(parts):
        first = next(iter(parts.values()))
        yield Finding(
            first.line, "warning", f"the parts stand in another order than {', '.join(in_order)}"
        )
    if criteria := parts.get("Criteria"):
        for side in ("VIOLATES", "SAFE"):
            if not re.search(rf"\b{side}\b", criteria.body):
                yield Finding(criteria.line, "error", f"Criteria does not say what is {side}")
    if examples := parts.get("Examples"):
        count = sum(1 for _ in bullets(examples))
        if not _FEWEST_EXAMPLES <= count <= _MOST_EXAMPLES:
            yield Finding(
                examples.line,
                "warning",
                f"{count} examples in the text; give {_FEWEST_EXAMPLES} to {_MOST_EXAMPLES}, as "
                "list items near the boundary",
            )


def _check_length(text: str) -> Iterator[Finding]:
    count = tokens(text)
    if count > _TOKEN_LIMIT:
        yield Finding(
            0, "error", f"the text has {count:,} tokens; the limit is {_TOKEN_LIMIT:,}, so cut it"
        )
    elif not _FEWEST_TOKENS <= count <= _MOST_TOKENS:
        advice = "say more" if count < _FEWEST_TOKENS else "cut it, or split the policy"
        yield Finding(
            0,
            "warning",
            f"the text has {count:,} tokens; models follow "
            f"{_FEWEST_TOKENS}-{_MOST_TOKENS} best: {advice}",
        )


def _check_contract(policy: Policy, parts: dict[str, Part]) -> Iterator[Finding]:
    """Find where the output format is not stated: near the top, and before the examples."""
    words = json_keys(policy) if policy.contract is Contract.JSON else tuple(policy.labels)
    for name in ("Instruction", "Examples"):
        if name not in parts:
            continue  # said already
        stated = parts[name].body
        if name == "Examples":
            stated = re.split(rf"^(?={BULLET.pattern})", stated, maxsplit=1, flags=re.M)[0]
        missing = [word for word in words if not mentions(stated, word)]
        if missing:
            place = "Instruction" if name == "Instruction" else "Examples, above the first one,"
            yield Finding(
                parts[name].line,
                "error",
                f"{place} does not state the output format: {', '.join(missing)} not named; "
                f"paste: {form_line(policy)}",
            )
    for label in policy.labels:
        if not mentions(policy.text, label):
            yield Finding(0, "error", f"the text never uses the label {label!r}")


def _check_rules(policy: Policy) -> Iterator[Finding]:
    for rule_id in policy.rules:
        if not mentions(policy.text, rule_id):
            yield Finding(0, "error", f"the text never names the rule {rule_id}")


def _check_written(policy: Policy, parts: dict[str, Part]) -> Iterator[Finding]:
    """Find what still says what the template says."""
    if is_untouched(policy):
        yield Finding(parts["Criteria"].line, "error", UNTOUCHED)
        return
    for name, lines in left_of_template(policy).items():
        count = "a line" if len(lines) == 1 else f"{len(lines)} lines"
        yield Finding(lines[0], "warning", f"{count} of {name} {_still(len(lines))}")
    for rule in rules_of_template(policy):
        yield Finding(0, "warning", f"the rule {rule} {_still(1)}")
    if examples := examples_of_template(policy):
        count = "a post" if len(examples) == 1 else f"{len(examples)} posts"
        said = f"{count} of the examples {_still(len(examples))}"
        yield Finding(examples[0].line, "warning", said, "examples.csv")


def _still(count: int) -> str:
    stands, them = ("is", "it") if count == 1 else ("are", "them")
    own = f"write your own, or take {them} out"
    return f"{stands} still the template's, about the resale of tickets; {own}"
