"""A policy: the text a model reads, what its answers mean, and a version computed from both."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from weir.errors import WeirError
from weir.policies.grounds import NO_GROUNDS, Grounds

# Of what stands around a policy's text in a prompt. Raise it when that changes: so does what a
# model answers, and with it every version.
PROMPT_VERSION = 1
LONGEST_CATEGORY = 64  # characters
EFFORT_BAND = (0.1, 0.9)  # where a policy with two efforts names none


_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def is_policy_id(text: str) -> bool:
    """Return whether a text may name a policy: lower-case letters, digits and hyphens."""
    return _ID.fullmatch(text) is not None


class Status(StrEnum):
    """Whether a policy's verdicts count."""

    ACTIVE = "active"
    SHADOW = "shadow"  # judged and recorded, never flagged
    RETIRED = "retired"  # not judged


class Effort(StrEnum):
    """How long the model may reason."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Contract(StrEnum):
    """The form of the model's final answer."""

    LABEL = "label"  # one of `labels`, alone
    LABEL_RULES = "label-rules"  # one of `labels`, then what it rests on: INVALID SP2, SP4
    JSON = "json"  # {"violation", "policy_category", "rule_ids", "confidence", "rationale"}
    GROUP = "group"  # of several policies asked about at once; see policies.group


class PolicyError(WeirError, ValueError):
    """A policy document cannot be used; the message names the file, the line and the way out."""


@dataclass(frozen=True)
class Example:
    """A labelled golden case."""

    text: str
    violates: bool
    rule_id: str | None = None
    note: str | None = None
    line: int = field(default=0, compare=False)  # of its file, where it was read from one


@dataclass(frozen=True)
class Policy:
    """One policy document. ``labels`` says what each label the model may print means."""

    policy_id: str
    title: str
    owner: str
    text: str
    labels: Mapping[str, str]  # label -> violates | safe
    rules: Mapping[str, str]  # rule id -> what it forbids
    status: Status = Status.ACTIVE
    effort: Effort = Effort.LOW
    contract: Contract = Contract.JSON
    # What is in doubt at the first effort is asked again at this one.
    second_effort: Effort | None = None
    # From and to which probability of a violation the first answer is in doubt.
    effort_band: tuple[float, float] = EFFORT_BAND
    examples: Sequence[Example] = ()
    grounds: Grounds = NO_GROUNDS  # no part of the version: no model reads it
    text_line: int = field(default=1, compare=False)  # of the document, on which the text begins

    @cached_property
    def version(self) -> str:
        """Return 16 hex digits of the SHA-256 of everything that can change a verdict."""
        decisive = [
            PROMPT_VERSION,
            self.policy_id,
            self.text,
            sorted(self.labels.items()),
            sorted(self.rules.items()),
            self.effort,
            self.contract,
        ]
        if self.second_effort:
            decisive += [self.second_effort, self.effort_band]
        canonical = json.dumps(decisive, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    @cached_property
    def rungs(self) -> tuple["Policy", ...]:
        """Return the policy as it is asked at each of its efforts, the first one first."""
        if self.second_effort is None:
            return (self,)
        alone = replace(self, second_effort=None, effort_band=EFFORT_BAND)
        return alone, replace(alone, effort=self.second_effort)

    def category(self, said: str | None) -> str | None:
        """Return the category that a model names, if it is a name that the policy knows.

        Its id, title, rules and labels are, in any case, and what its text has in double quotes.
        Anything else is what a post may have talked the model into.
        """
        if said is None or len(said) > LONGEST_CATEGORY:
            return None
        known = {name.casefold(): name for name in (self.title, *self.labels, *self.rules)}
        known[self.policy_id.casefold()] = self.policy_id
        return known.get(said.casefold()) or (said if f'"{said}"' in self.text else None)


@dataclass(frozen=True)
class PolicySet:
    """The policies in force, ordered by id; retired ones are left out."""

    policies: tuple[Policy, ...]

    @cached_property
    def version(self) -> str:
        """Return 16 hex digits that change when any policy, or the status of one, does."""
        parts = [f"{p.policy_id}:{p.version}:{p.status}" for p in self.policies]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    def __getitem__(self, policy_id: str) -> Policy:
        """Return the policy of that id; KeyError where there is none."""
        for policy in self.policies:
            if policy.policy_id == policy_id:
                return policy
        raise KeyError(policy_id)
