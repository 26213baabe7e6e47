"""A policy to begin with: a whole document in the form that the guide advises, for its writer."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files

from weir.policies.loading import parse_policy
from weir.policies.parts import BULLET, Part, parts_of
from weir.policies.policy import Example, Policy

_ID, _TITLE, _RULE = "ticket-resale", '"Ticket resale"', "TR"
_RULE_LETTERS = 4
UNTOUCHED = (
    "Criteria is still the template's, about the resale of tickets; write what your policy means"
)


def draft(policy_id: str, title: str) -> tuple[str, str]:
    """Return ``policy.md`` and ``examples.csv`` of a policy: what ``check`` finds is ``UNTOUCHED``.

    ``title`` is as YAML writes it. The draft is about something, the resale of tickets, so that
    each part shows what belongs there; and in shadow, so that nobody acts on it before it says
    what its writer means.
    """
    rule = "".join(each for each in policy_id.upper() if each.isalnum())[:_RULE_LETTERS]
    text, examples = (
        files(__package__).joinpath(name).read_text("utf-8")
        for name in ("policy.md", "examples.csv")
    )
    for number in "12":
        text, examples = (
            each.replace(f"{_RULE}{number}", f"{rule}{number}") for each in (text, examples)
        )
    return text.replace(_TITLE, title, 1).replace(_ID, policy_id), examples


def begin(policy_id: str, title: str | None = None) -> tuple[str, str]:
    """Return the draft of a policy with any title; without one it is the id in words.

    PolicyError for an id or a title that no policy may have.
    """
    # As JSON, a title is one line of YAML whatever it holds.
    words = json.dumps(title or policy_id.replace("-", " ").capitalize(), ensure_ascii=False)
    text, examples = draft(policy_id, words)
    parse_policy(text.encode())
    return text, examples


def left_of_template(policy: Policy) -> dict[str, list[int]]:
    """Return which lines still say what the draft says that a policy begins as, by their part.

    Lines are those of the policy's text, from 1. Only what is about the resale of tickets counts.
    """
    begun = parts_of(parse_policy(begin(policy.policy_id)[0].encode()).text)
    found = {}
    for name, part in parts_of(policy.text).items():
        template = {said for _, said in _about_tickets(begun[name])}
        if lines := sorted({line for line, said in _about_tickets(part) if said in template}):
            found[name] = lines
    return found


def rules_of_template(policy: Policy) -> list[str]:
    """Return the rules of a policy that still forbid what those of the draft do."""
    begun = parse_policy(begin(policy.policy_id)[0].encode())
    return [rule for rule, forbids in policy.rules.items() if forbids in begun.rules.values()]


def examples_of_template(policy: Policy) -> list[Example]:
    """Return the labelled posts of a policy that are still the draft's."""
    document, table = (each.encode() for each in begin(policy.policy_id))
    begun = {each.text for each in parse_policy(document, examples=table).examples}
    return [each for each in policy.examples if each.text in begun]


def _about_tickets(part: Part) -> Iterator[tuple[int, str]]:
    """Yield what the draft says of its matter, where a part is its own: list items, and sentences.

    Each comes with its line; that of the answer's form, which every policy needs, does not.
    """
    for line, said in enumerate(part.body.split("\n"), start=part.line + 1):
        whole = " ".join(said.split())
        if BULLET.match(whole):
            yield line, whole
        elif "{" not in whole:
            for sentence in re.split(r"(?<=[.?!])\s", whole):
                if "ticket" in sentence:
                    yield line, sentence


def is_untouched(policy: Policy) -> bool:
    """Return whether the criteria are those of a draft as it was begun."""
    begun = parse_policy(begin(policy.policy_id)[0].encode())
    of_template, own = (parts_of(each.text).get("Criteria") for each in (begun, policy))
    assert of_template
    return own is not None and own.body.split() == of_template.body.split()
