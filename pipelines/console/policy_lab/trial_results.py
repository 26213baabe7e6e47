"""What a judge said of posts, several times each, under one or two versions of a policy; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from weir.pipelines.evaluate.evaluation import Evaluation, Versus
from weir.pipelines.evaluate.judging import Answer, Judgements
from weir.pipelines.evaluate.labels import GOLDEN, Case, Labels
from weir.policies.policy import Policy
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.verdict import Verdict
from weir.transforms.statistics import Share


@dataclass(frozen=True)
class Post:
    """A post to be tried; ``violates`` is what it is labelled with, None where nobody has."""

    text: str
    source: str
    violates: bool | None = None
    rule_id: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Said:
    """What was said of one post over the repeats, what was said most often first."""

    verdicts: tuple[tuple[str, int], ...]
    rationale: str | None  # of the first answer
    failed: Failed | None  # an answer that did not come

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> "Said":
        """Return it of a post's answers."""
        verdicts = [each.said for each in answers if isinstance(each.said, Verdict)]
        return cls(
            tuple(Counter(str(each.outcome) for each in verdicts).most_common()),
            next((each.rationale for each in verdicts), None),
            next((each.said for each in answers if isinstance(each.said, Failed)), None),
        )

    @property
    def times(self) -> int:
        """Return how often there was an answer."""
        return sum(count for _, count in self.verdicts)

    @property
    def agreement(self) -> float:
        """Return the share of the repeats that say what most say; 1 of none."""
        return self.verdicts[0][1] / self.times if self.verdicts else 1.0

    @property
    def usual(self) -> str | None:
        """Return what is said most often; None without an answer, or of two as often."""
        if not self.verdicts or (len(self.verdicts) > 1 and self.agreement <= 0.5):
            return None
        return self.verdicts[0][0]


@dataclass(frozen=True)
class Row:
    """A post, and what was said of it under the edited text, and under the one in force."""

    post: Post
    said: Said
    before: Said | None

    @property
    def varies(self) -> bool:
        """Return whether the edited text is answered otherwise from time to time."""
        return len(self.said.verdicts) > 1

    @property
    def flips(self) -> bool:
        """Return whether the two texts are usually answered otherwise."""
        return bool(
            self.before
            and self.said.usual
            and self.before.usual
            and self.said.usual != self.before.usual
        )


@dataclass(frozen=True)
class Results:
    """Answers to the posts; labelled ones stand first."""

    posts: tuple[Post, ...]
    policy: Policy
    judged: Judgements
    before: Policy | None = None
    judged_before: Judgements | None = None
    held_out: bool = False

    @cached_property
    def rows(self) -> list[Row]:
        """Return the posts, those that are answered most unlike from time to time first."""
        said = _of_each(self.judged)
        before = _of_each(self.judged_before) if self.judged_before else [None] * len(said)
        found = [Row(*each) for each in zip(self.posts, said, before, strict=True)]
        return sorted(found, key=lambda row: row.said.agreement)

    @property
    def vague(self) -> list[Row]:
        """Return the posts whose verdict varies, the least sure first."""
        return [row for row in self.rows if row.varies]

    @property
    def flipped(self) -> list[Row]:
        """Return the posts on which the two texts usually differ."""
        return [row for row in self.rows if row.flips]

    @property
    def failed(self) -> list[Row]:
        """Return the posts that have an answer that did not come."""
        return [row for row in self.rows if row.said.failed]

    @property
    def steady(self) -> Share | None:
        """Return the share of the posts with one verdict in every repeat; None of one round."""
        everything = Labels("", tuple(_case(n, post) for n, post in enumerate(self.posts)))
        found = Evaluation(self.policy, everything, self.judged, self.held_out).stability
        return found.same if found else None

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Return the measures on the labelled posts; None where one kind has none."""
        return self._evaluation(self.policy, self.judged)

    @cached_property
    def versus(self) -> Versus | None:
        """Return what changes from the text in force to the edited one."""
        if self.evaluation is None or self.before is None or self.judged_before is None:
            return None
        before = self._evaluation(self.before, self.judged_before)
        return Versus(before, self.evaluation) if before else None

    def _evaluation(self, policy: Policy, judged: Judgements) -> Evaluation | None:
        labelled = [post for post in self.posts if post.violates is not None]
        if {post.violates for post in labelled} != {True, False}:
            return None
        cases = tuple(_case(number, post) for number, post in enumerate(labelled, start=1))
        answers = tuple(each[: len(cases)] for each in judged.answers)
        only = Judgements(judged.engine, judged.model, answers, judged.stopped)
        return Evaluation(policy, Labels(GOLDEN, cases), only, self.held_out)


def cases_of(posts: Sequence[Post]) -> list[Case]:
    """Return posts as what a judge is asked about."""
    return [_case(number, post) for number, post in enumerate(posts, start=1)]


def _case(number: int, post: Post) -> Case:
    return Case(number, post.text, bool(post.violates), post.rule_id, post.note)


def _of_each(judged: Judgements) -> list[Said]:
    return [Said.of(answers) for answers in zip(*judged.answers, strict=True)]


__all__ = ["Post", "Results", "Row", "Said", "cases_of"]
