"""One policy on labelled posts: what was measured."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from weir.pipelines.evaluate.judging import Judgements
from weir.pipelines.evaluate.labels import Case, Labels
from weir.pipelines.evaluate.measures import (
    Decision,
    Interval,
    Measures,
    f1_difference,
    measure,
    right_ones,
)
from weir.policies.policy import Policy
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.unreadable_answers import Unreadable
from weir.transforms.judge.verdict import Verdict
from weir.transforms.statistics import Flips, Share, Words, mcnemar_in_words


@dataclass(frozen=True)
class Misjudged:
    """A case and the verdict that is not the right one."""

    case: Case
    verdict: Verdict


@dataclass(frozen=True)
class RuleRecall:
    """How many of the posts that break a rule were flagged."""

    rule_id: str
    flagged: Share


@dataclass(frozen=True)
class Unstable:
    """A case whose verdicts differ from round to round, and how often each came."""

    case: Case
    verdicts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Stability:
    """Whether the same post gets the same verdict again."""

    rounds: int
    same: Share  # of the posts with one verdict in every round
    lowest_f1: float | None
    highest_f1: float | None
    unstable: tuple[Unstable, ...]


@dataclass(frozen=True)
class Unanswered:
    """A request that ended in an error, and so is no part of any figure."""

    case: Case
    failed: Failed


@dataclass(frozen=True)
class Evaluation:
    """A policy's answers to labelled posts. Figures are of the first round."""

    policy: Policy
    labels: Labels
    judgements: Judgements
    held_out: bool  # the engine learns from golden examples, and was kept from those it judged

    @cached_property
    def measures(self) -> Measures:
        """Return the figures of the first round."""
        return measure([decision for _, decision in self.decided(0)])

    @property
    def misjudged(self) -> list[Misjudged]:
        """Return the cases that were judged wrongly or not decided, the most confident first."""
        found = [
            Misjudged(case, answer.said)
            for case, answer in zip(self.labels.cases, self.judgements.answers[0], strict=True)
            if isinstance(answer.said, Verdict) and not _decision(case, answer.said).right
        ]
        return sorted(found, key=lambda each: -_confidence(each.verdict))

    @property
    def rules(self) -> list[RuleRecall]:
        """Return each rule that cases name, with the share of its cases that was flagged."""
        seen: Counter[str] = Counter()
        flagged: Counter[str] = Counter()
        for case, decision in self.decided(0):
            if case.violates and case.rule_id:
                seen[case.rule_id] += 1
                flagged[case.rule_id] += decision.flagged
        return [RuleRecall(rule, Share(flagged[rule], seen[rule])) for rule in sorted(seen)]

    @property
    def stability(self) -> Stability | None:
        """Return how stable verdicts are over the rounds; None of one round."""
        rounds = self.judgements.answers
        if len(rounds) < 2:
            return None
        counts = [
            (case, Counter(str(a.said.outcome) for a in of_case if isinstance(a.said, Verdict)))
            for case, of_case in zip(self.labels.cases, zip(*rounds, strict=True), strict=True)
        ]
        answered = [(case, seen) for case, seen in counts if seen.total() == len(rounds)]
        unstable = tuple(
            Unstable(case, tuple(seen.most_common())) for case, seen in answered if len(seen) > 1
        )
        figures = [
            value
            for number in range(len(rounds))
            if (value := measure([d for _, d in self.decided(number)]).f1.value) is not None
        ]
        return Stability(
            rounds=len(rounds),
            same=Share(len(answered) - len(unstable), len(answered)),
            lowest_f1=min(figures, default=None),
            highest_f1=max(figures, default=None),
            unstable=unstable,
        )

    @property
    def unanswered(self) -> list[Unanswered]:
        """Return what ended in an error, in any round."""
        return [
            Unanswered(case, answer.said)
            for of_round in self.judgements.answers
            for case, answer in zip(self.labels.cases, of_round, strict=True)
            if isinstance(answer.said, Failed)
        ]

    @property
    def unreadable(self) -> Unreadable:
        """Return how much of what was said, in any round, is no verdict for its form."""
        heard = Unreadable()
        heard.record(
            answer.said
            for of_round in self.judgements.answers
            for answer in of_round
            if isinstance(answer.said, Verdict)
        )
        return heard

    @property
    def tokens(self) -> tuple[int, int] | None:
        """Return prompt and generated tokens of all rounds; None where none were counted."""
        completions = [
            answer.completion
            for of_round in self.judgements.answers
            for answer in of_round
            if answer.completion is not None and answer.completion.tokens_in is not None
        ]
        if not completions:
            return None
        return (
            sum(each.tokens_in or 0 for each in completions),
            sum(each.tokens_out or 0 for each in completions),
        )

    @property
    def requests(self) -> float:
        """Return the requests of all rounds; of one about several policies, this one's part."""
        return sum(a.requests for of_round in self.judgements.answers for a in of_round)

    def decisions_beside(self, other: "Evaluation") -> tuple[list[Decision], list[Decision]]:
        """Return both policies' decisions on the cases that both answered."""
        mine, others = ({c.row: d for c, d in each.decided(0)} for each in (self, other))
        rows = [row for row in mine if row in others]
        return [mine[row] for row in rows], [others[row] for row in rows]

    def decided(self, number: int) -> list[tuple[Case, Decision]]:
        """Return the cases that were answered in a round, counted from 0, and the decisions."""
        return [
            (case, _decision(case, answer.said))
            for case, answer in zip(self.labels.cases, self.judgements.answers[number], strict=True)
            if isinstance(answer.said, Verdict)
        ]


@dataclass(frozen=True)
class Versus:
    """What changes from one policy to another on the same labelled posts."""

    before: Evaluation
    after: Evaluation

    @cached_property
    def f1_difference(self) -> Interval:
        """Return by how much F1 grows."""
        return f1_difference(*self.before.decisions_beside(self.after))

    @cached_property
    def right(self) -> Flips:
        """Return the posts that only one of the two decides rightly."""
        return right_ones(*self.before.decisions_beside(self.after))

    @property
    def words(self) -> str:
        """Return whether one of the two is right more often, in plain words."""
        before, after = self.before.policy.version, self.after.policy.version
        return mcnemar_in_words(self.right, before, after, _RIGHT)


_RIGHT = Words(only="right only in", more="is right more often")


def _decision(case: Case, verdict: Verdict) -> Decision:
    return Decision(case.violates, verdict.outcome, verdict.probability)


def _confidence(verdict: Verdict) -> float:
    """Return how sure the judge was of its verdict, from 0 to 1, as far as it says."""
    if verdict.probability is not None:
        return abs(2 * verdict.probability - 1)
    return {"high": 0.9, "medium": 0.6, "low": 0.3}.get(verdict.confidence or "", 0.5)
