"""A judge that needs no GPU and no download: it compares a post with a policy's examples.

It is a stand-in and says so on every verdict: it never reads the policy's text. What it is for is
trying Weir out, and tests.
"""

import hashlib
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from weir.policies.policy import Contract, Example, Policy, PolicySet
from weir.transforms.arrays import Floats
from weir.transforms.judge.engine import Completion, Finish, Request
from weir.transforms.judge.exemplar.fit import Corpus, Fit, unit_rows
from weir.transforms.judge.harmony.prompt import CONTENT_TOKENS
from weir.transforms.records import Outcome
from weir.transforms.text.features import matrix

# Of calibrated probabilities. Between the two it declines to decide: a third of the posts that
# are judged violate, so "less likely than that" is where safe begins.
SAFE_BELOW = 0.3
VIOLATES_FROM = 0.6
_MOST_LATER = 16  # versions that came after the start and stay fitted: 4 MB each
_QUOTED = 100  # characters of an example in a rationale

STAND_IN = "Stand-in judge: it compared the post with labelled examples and read no policy."


def exemplar_engine(policies: PolicySet) -> "ExemplarEngine":
    """Return the engine, fitted to the policies' examples; needs the extra ``screen``."""
    return ExemplarEngine(policies)


@dataclass(frozen=True)
class _Examples:
    """One policy's examples of one kind."""

    examples: tuple[Example, ...]
    features: sp.csr_matrix  # (BUCKETS, examples): a product with it would transpose it each time

    def nearest(self, posts: sp.csr_matrix) -> list[tuple[Example, float]]:
        """Return the example most like each post, and their cosine."""
        similarity = (posts @ self.features).toarray()
        best = similarity.argmax(axis=1)
        return [
            (self.examples[index], float(similarity[row, index])) for row, index in enumerate(best)
        ]


@dataclass(frozen=True)
class _Judge:
    """What answers for one policy; ``fit`` is None where its examples are too few."""

    policy: Policy
    fit: Fit | None
    violating: _Examples
    safe: _Examples

    def answer(self, posts: sp.csr_matrix) -> list[Completion]:
        """Return a completion for each row."""
        if self.fit is None:
            said = f"{STAND_IN} This policy has too few of them to tell the two kinds apart."
            return [_uncertain(said)] * posts.shape[0]
        probabilities = self.fit.probabilities(posts)
        neighbours = zip(self.violating.nearest(posts), self.safe.nearest(posts), strict=True)
        return [
            self._completion(float(probability), violating, safe)
            for probability, (violating, safe) in zip(probabilities, neighbours, strict=True)
        ]

    def _completion(
        self, probability: float, violating: tuple[Example, float], safe: tuple[Example, float]
    ) -> Completion:
        rationale = (
            f"{STAND_IN} Nearest violating one ({violating[1]:.2f}): {_quoted(violating[0])}. "
            f"Nearest safe one ({safe[1]:.2f}): {_quoted(safe[0])}."
        )
        if SAFE_BELOW <= probability < VIOLATES_FROM:
            return _uncertain(rationale, probability)
        violates = probability >= VIOLATES_FROM
        rule = violating[0].rule_id if violating[0].rule_id in self.policy.rules else None
        final = _final(self.policy, violates, rule, rationale)
        if final is None:
            return _uncertain(rationale, probability)
        return Completion(final, rationale=rationale, probability=probability)


@dataclass(frozen=True)
class _Fitted:
    """What answers for the policies of one set, by version."""

    inverse_frequency: Floats
    judges: dict[str, _Judge]

    @classmethod
    def of(cls, policies: PolicySet, count: int) -> "_Fitted":
        """Fit the first ``count`` of the policies; the examples of the others are background."""
        corpus = Corpus.of(policies)
        judges = {
            policy.version: _Judge(
                policy,
                fit,
                *(
                    _Examples(
                        tuple(e for e in policy.examples if e.violates is violates),
                        corpus.features[corpus.rows(index, violates)].T.tocsr(),
                    )
                    for violates in (True, False)
                ),
            )
            for index, (policy, fit) in enumerate(
                zip(policies.policies[:count], corpus.fits(count), strict=True)
            )
        }
        return cls(corpus.inverse_frequency, judges)


@dataclass(frozen=True)
class _Taught:
    """A policy set, which is another where its examples are: no version covers these."""

    version: str
    examples: tuple[tuple[Example, ...], ...]
    policies: PolicySet = field(compare=False)

    @classmethod
    def of(cls, policies: PolicySet) -> "_Taught":
        examples = tuple(tuple(policy.examples) for policy in policies.policies)
        return cls(policies.version, examples, policies)


@lru_cache(maxsize=2)  # a runner sets a step up whenever it likes, and it is the same set each time
def _fitted(taught: _Taught) -> _Fitted:
    return _Fitted.of(taught.policies, len(taught.policies.policies))


class ExemplarEngine:
    """Answers at once: what it returns are finished futures.

    A version of a policy that it was not fitted to is fitted when it is first asked about, which
    takes a second or two.
    """

    name = "exemplar"
    capacity = 4096
    content_tokens = CONTENT_TOKENS

    def __init__(self, policies: PolicySet) -> None:
        self._policies = policies
        fitted = _fitted(_Taught.of(policies))
        self._fitted = dict.fromkeys(fitted.judges, fitted)  # by version
        self._first = len(self._fitted)
        self._fitting = threading.Lock()
        self.model = f"exemplar-1-{_digest(policies)} (stand-in)"

    def submit(self, requests: Sequence[Request]) -> list["Future[Completion]"]:
        """Answer the requests, each post's features computed once however many its policies."""
        texts = list(dict.fromkeys(request.text for request in requests))
        counts = matrix(pa.array(texts, pa.string()))
        row_of = {text: row for row, text in enumerate(texts)}
        by_version: dict[str, list[int]] = {}
        for number, request in enumerate(requests):
            by_version.setdefault(request.policy.version, []).append(number)
        answers: dict[int, Completion] = {}
        posts: dict[int, sp.csr_matrix] = {}  # as each fit sees them
        for version, numbers in by_version.items():
            fitted = self._fitted.get(version) or self._fit(requests[numbers[0]].policy)
            if id(fitted) not in posts:
                posts[id(fitted)] = unit_rows(counts, fitted.inverse_frequency)
            rows = np.array([row_of[requests[number].text] for number in numbers])
            answered = fitted.judges[version].answer(posts[id(fitted)][rows])
            answers |= zip(numbers, answered, strict=True)
        return [_finished(answers[number]) for number in range(len(requests))]

    def close(self) -> None:
        """Do nothing: there is only memory to give back."""

    def _fit(self, policy: Policy) -> _Fitted:
        """Fit one policy beside the others that the engine began with."""
        with self._fitting:
            if policy.version not in self._fitted:
                others = [p for p in self._policies.policies if p.policy_id != policy.policy_id]
                self._fitted[policy.version] = _Fitted.of(PolicySet((policy, *others)), 1)
            found = self._fitted[policy.version]
            if len(self._fitted) > self._first + _MOST_LATER:
                del self._fitted[list(self._fitted)[self._first]]
            return found


def _final(policy: Policy, violates: bool, rule: str | None, rationale: str) -> str | None:
    if policy.contract is Contract.JSON:
        return json.dumps(
            {
                "violation": int(violates),
                "policy_category": policy.policy_id if violates else None,
                "rule_ids": [rule] if violates and rule else [],
                "rationale": rationale,
            }
        )
    outcome = Outcome.VIOLATES if violates else Outcome.SAFE
    labels = [label for label, meaning in policy.labels.items() if meaning == outcome]
    if rule in labels:
        return rule
    if not labels:
        return None
    with_rule = violates and rule and policy.contract is Contract.LABEL_RULES
    return f"{labels[0]} {rule}" if with_rule else labels[0]


def _uncertain(rationale: str, probability: float | None = None) -> Completion:
    return Completion(
        None, rationale=rationale, probability=probability, finish_reason=Finish.UNCERTAIN
    )


def _finished(completion: Completion) -> "Future[Completion]":
    future: Future[Completion] = Future()
    future.set_result(completion)
    return future


def _quoted(example: Example) -> str:
    text = " ".join(example.text.split())
    short = text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
    return f"“{short}”" + (f" ({example.rule_id})" if example.rule_id else "")


def _digest(policies: PolicySet) -> str:
    """Name the examples, which a policy's version does not cover."""
    labelled = [[p.policy_id, e.text, e.violates] for p in policies.policies for e in p.examples]
    return hashlib.sha256(json.dumps(labelled).encode()).hexdigest()[:8]
