"""Examples that contradict each other, and labels that none of them has."""

from collections.abc import Iterator

from weir.policies.finding import Finding, Source
from weir.policies.parts import Part, answered_with, shown_examples
from weir.policies.policy import Policy


def check_shown(policy: Policy, part: Part | None) -> Iterator[Finding]:
    """Find what is wrong with the examples that the model reads."""
    shown = shown_examples(policy, part) if part else []
    if not shown or part is None:
        return
    for label in policy.labels:
        if not any(answered_with(policy, each, label) for each in shown):
            yield Finding(
                part.line, "warning", f"no example is answered with the label {label!r}; add one"
            )
    seen: dict[str, tuple[int, bool, Source]] = {}
    for example in policy.examples:
        seen.setdefault(_key(example.text), (example.line, example.violates, "examples.csv"))
    for each in shown:
        if each.violates is None:
            continue
        key = _key(each.post)
        line, violates, source = seen.setdefault(key, (each.line, each.violates, "policy.md"))
        if violates == each.violates:
            continue
        where = f"examples.csv line {line}" if source == "examples.csv" else "an earlier example"
        yield Finding(
            each.line, "error", f"the example contradicts {where}, of the same text; keep one"
        )


def check_golden(policy: Policy) -> Iterator[Finding]:
    """Find golden cases that contradict or repeat each other; they are numbered from 1."""
    seen: dict[str, tuple[int, bool]] = {}
    for number, example in enumerate(policy.examples, start=1):
        first, violates = seen.setdefault(_key(example.text), (number, example.violates))
        if first == number:
            continue
        if violates != example.violates:
            yield Finding(
                example.line,
                "error",
                f"examples.csv labels examples {first} and {number} differently: "
                "their text is the same, so keep one",
                "examples.csv",
            )
        else:
            yield Finding(
                example.line,
                "warning",
                f"examples.csv has example {first} again as {number}; keep one",
                "examples.csv",
            )
    verdicts = {example.violates for example in policy.examples}
    if len(verdicts) == 1:
        missing = "safe" if verdicts == {True} else "violates"
        said = f"examples.csv has no example labelled {missing}; add some"
        yield Finding(0, "warning", said, "examples.csv")


def _key(text: str) -> str:
    return " ".join(text.casefold().split())
