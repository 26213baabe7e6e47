"""Labelled posts on their way through the judge, as a job's escalations go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from weir.pipelines.evaluate.labels import Case
from weir.policies.group import Group
from weir.policies.policy import Policy, PolicySet
from weir.transforms.judge.bundle import Bundle, Escalated
from weir.transforms.judge.engine import Completion, Engine
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.rows import Dead, Judged, Row
from weir.transforms.judge.shared_engine import Engines
from weir.transforms.judge.verdict import Verdict
from weir.transforms.records import ESCALATION, Route

FOLDS = 5
_ROWS = 256  # of a batch
_KEY = "evaluate"  # all share one engine


@dataclass(frozen=True)
class Answer:
    """What the judge said of a case, or why it said nothing."""

    said: Verdict | Failed
    completion: Completion | None = None
    latency_ms: float | None = None
    requests: float = 0.0  # a part of one that asked about several policies


_NOT_JUDGED = Answer(Failed("stopped", "nobody waited for an answer"))


@dataclass(frozen=True)
class Patience:
    """How many requests may be at the engine at once, and how long one may take."""

    max_in_flight: int
    timeout_seconds: float


@dataclass(frozen=True)
class Judgements:
    """``answers[repeat][case]``, and who gave them; ``stopped`` where a person did not wait."""

    engine: str
    model: str
    answers: tuple[tuple[Answer, ...], ...]
    stopped: bool = False


def judge_cases(
    factory: Callable[[], Engine],
    policy: Policy,
    cases: Sequence[Case],
    repeats: int,
    patience: Patience,
    heard: Callable[[Answer], None] = lambda _: None,
    group: Group | None = None,
    engines: Engines | None = None,
) -> Judgements:
    """Ask the engine about every case, ``repeats`` times; nothing is answered from a cache.

    The engine is one of ``engines``, and started there where it is not yet, or else of this call.
    With a group every case is asked about under all of its policies at once, and what is said of
    ``policy`` is kept.
    ``heard`` is called with each answer. Ctrl-C keeps those that are there. Raises what the engine
    raises where it cannot start.
    """
    own, stopped = Engines() if engines is None else engines, False
    try:
        shared = own.acquire(_KEY, factory, patience.max_in_flight)
        bundle = Bundle(shared, patience.timeout_seconds)
        found: list[Answer | None] = [None] * (len(cases) * repeats)

        def keep(ended: object) -> None:
            assert isinstance(ended, Judged | Dead)  # without a budget nothing is deferred
            if ended.row.batch["policy_id"][ended.row.number].as_py() != policy.policy_id:
                return
            answer = _answer(ended)
            found[ended.row.batch["offset"][ended.row.number].as_py()] = answer
            heard(answer)

        try:
            members = group.members if group else (policy,)
            for batch in _batches(members, cases, repeats):
                rows = [
                    Escalated(Row(batch, number), members[number % len(members)], group)
                    for number in range(batch.num_rows)
                ]
                for ended in bundle.take(batch, rows):
                    keep(ended)
            for ended in bundle.finish():
                keep(ended)
        except KeyboardInterrupt:
            stopped = True
            bundle.abandon()
        name, model = shared.engine.name, shared.engine.model
    finally:
        if engines is None:
            own.close()
    answers = [answer or _NOT_JUDGED for answer in found]
    count = len(cases)
    rounds = tuple(tuple(answers[n * count : (n + 1) * count]) for n in range(repeats))
    return Judgements(name, model, rounds, stopped)


def held_out(
    factory: Callable[[PolicySet], Callable[[], Engine]],
    policies: PolicySet,
    policy: Policy,
    cases: Sequence[Case],
    repeats: int,
    patience: Patience,
    heard: Callable[[Answer], None] = lambda _: None,
) -> Judgements:
    """Ask an engine that learns from golden examples: in fifths, none with what it learned from.

    Examples with the text of a post that is asked about are kept from the engine of that fifth.
    """
    answers = [[_NOT_JUDGED] * len(cases) for _ in range(repeats)]
    name, model, stopped = "", "", False
    for fold in range(min(FOLDS, len(cases))):
        # Cases come sorted by kind and rule: every fifth one is a fair part of each.
        numbers = range(fold, len(cases), FOLDS)
        part = [cases[number] for number in numbers]
        texts = {case.text for case in part}
        taught = replace(policy, examples=tuple(e for e in policy.examples if e.text not in texts))
        others = tuple(p for p in policies.policies if p.policy_id != policy.policy_id)
        ordered = tuple(sorted((*others, taught), key=lambda each: each.policy_id))
        found = judge_cases(factory(PolicySet(ordered)), taught, part, repeats, patience, heard)
        name, model, stopped = found.engine, found.model, found.stopped
        for repeat, of_part in enumerate(found.answers):
            for number, answer in zip(numbers, of_part, strict=True):
                answers[repeat][number] = answer
        if stopped:
            break
    return Judgements(name, model, tuple(map(tuple, answers)), stopped)


def _answer(ended: Judged | Dead) -> Answer:
    if isinstance(ended, Dead):
        return Answer(ended.failed)
    return Answer(ended.verdict, ended.completion, ended.latency_ms, ended.requests)


def _batches(
    policies: Sequence[Policy], cases: Sequence[Case], repeats: int
) -> list[pa.RecordBatch]:
    """Return the cases as escalations under each policy, case by case.

    The offset is repeat * len(cases) + case.
    """
    now = datetime.now(UTC)
    texts = [case.text for _ in range(repeats) for case in cases]
    return [
        pa.RecordBatch.from_pylist(
            [
                {
                    "content_id": str(offset),
                    "text": text,
                    "created_at": now,
                    "topic": "labels",
                    "partition": 0,
                    "offset": offset,
                    "policy_id": policy.policy_id,
                    "policy_version": policy.version,
                    "screen_version": "",
                    "route": str(Route.FORCED),
                    "inclusion_probability": 1.0,
                }
                for offset, text in enumerate(texts[start : start + _ROWS], start=start)
                for policy in policies
            ],
            ESCALATION,
        )
        for start in range(0, len(texts), _ROWS)
    ]
