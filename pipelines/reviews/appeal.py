"""A verdict that somebody contests, beside what the judge says of the same post now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from weir.pipelines.bigquery.dataset import open_dataset
from weir.pipelines.errors import OptionError
from weir.pipelines.evaluate.judging import Answer, Patience, judge_cases
from weir.pipelines.evaluate.labels import Case
from weir.pipelines.evaluate.other_version import recorded_policy
from weir.policies.policy import Effort
from weir.transforms.judge.engine import Engine
from weir.transforms.judge.in_flight import Failed
from weir.transforms.write.bigquery.sink import BigQuerySettings
from weir.transforms.write.redaction import is_kept

_VERDICT = """
SELECT decision_id, run, created_at, text, policy_id, policy_version, engine, model, effort,
  reproducible, reused_from, asked_together, verdict, reason, reasoning, confidence, categories,
  rule_ids, rationale, answer, judged_at
FROM `{dataset}.verdicts`
WHERE decision_id = @decision AND (NOT @of_day OR DATE(created_at) = @day)
ORDER BY judged_at
LIMIT 1
"""
_ANY_DAY = date(1970, 1, 1)
_DECIDES = ("verdict", "reason")
_WORDS = (*_DECIDES, "reasoning", "confidence", "categories", "rule_ids", "rationale", "answer")


class AppealError(OptionError):
    """A verdict that cannot be judged again as it was; the message says why."""


@dataclass(frozen=True)
class Compared:
    """What was recorded of a decision, and what is said now; ``differing`` names the columns."""

    recorded: Mapping[str, Any]
    now: Mapping[str, Any]
    differing: tuple[str, ...]
    reproducible: bool

    @property
    def same(self) -> bool:
        """Return whether the answer stands: every word of it where the engine promised that."""
        decisive = _WORDS if self.reproducible else _DECIDES
        return not set(decisive) & set(self.differing)


def recorded_verdict(
    decision_id: str, settings: BigQuerySettings, day: date | None
) -> dict[str, Any]:
    """Return the row of a verdict on a post of that day. AppealError, TablesError."""
    with open_dataset(settings) as dataset:
        rows = dataset.rows(
            _VERDICT, decision=decision_id, of_day=day is not None, day=day or _ANY_DAY
        )
    if not rows:
        when = f" of {day}" if day else ""
        raise AppealError(
            f"there is no verdict{when} with the decision id {decision_id!r} in "
            f"{settings.full_name}: flagged messages and the table verdicts have it"
        )
    row = rows[0]
    if not is_kept(row["text"]):
        raise AppealError(
            "the text of the post was not stored (--store-text), so there is nothing to judge"
        )
    return row


def judge_again(
    row: Mapping[str, Any],
    settings: BigQuerySettings,
    factory: Callable[[], Engine],
    timeout_seconds: float,
) -> Compared:
    """Return a recorded verdict beside what the same judge says of the post now.

    It is asked under the recorded policy, at the effort of the answer that decided. AppealError,
    before the post goes anywhere, where the engine is another one; PolicyError, TablesError.
    """
    recorded = recorded_policy(row["policy_version"], settings)
    # A policy may have two efforts.
    policy = replace(recorded, effort=Effort(row["effort"]), second_effort=None)

    def same_judge() -> Engine:
        engine = factory()
        try:
            require_same_judge(row, engine.name, engine.model)
        except AppealError:
            engine.close()
            raise
        return engine

    case = Case(1, row["text"], violates=False)  # which of the two it is nobody says
    found = judge_cases(same_judge, policy, [case], 1, Patience(1, timeout_seconds))
    ((answer,),) = found.answers
    return compare(row, answer)


def require_same_engine(row: Mapping[str, Any], engine: str) -> None:
    """Raise AppealError, before the post goes anywhere, where another engine would be asked."""
    if row["engine"] != engine:
        raise AppealError(
            f"it was decided by {row['model']}: give --engine={row['engine']}, for what {engine} "
            "says is nothing about that"
        )


def require_same_judge(row: Mapping[str, Any], engine: str, model: str) -> None:
    """Raise AppealError where another one is asked than the one that decided."""
    if (row["engine"], row["model"]) != (engine, model):
        raise AppealError(
            f"it was decided by {row['model']} (--engine={row['engine']}), and this is {model} "
            f"(--engine={engine}), whose answer says nothing of that one"
        )


def compare(row: Mapping[str, Any], answer: Answer) -> Compared:
    """Return what was recorded beside what is said now. AppealError where nothing is."""
    said = answer.said
    if isinstance(said, Failed):
        raise AppealError(f"the judge did not answer: {said.reason}, {said.error}")
    now = {
        "verdict": str(said.outcome),
        "reason": said.reason and str(said.reason),
        **{name: getattr(said, name) for name in _WORDS if name not in _DECIDES},
    }
    recorded = {name: row[name] for name in _WORDS}
    differing = tuple(name for name in _WORDS if _plain(recorded[name]) != _plain(now[name]))
    completion = answer.completion
    # Of another question no engine promised anything.
    alike = not row["reused_from"] and not row["asked_together"]
    promised = completion is not None and completion.reproducible and row["reproducible"]
    return Compared(recorded, now, differing, bool(alike and promised))


def _plain(value: Any) -> Any:
    """Return a list of the table, or a tuple of a verdict, as one kind; an empty one is none."""
    return tuple(value) or None if isinstance(value, list | tuple) else value
