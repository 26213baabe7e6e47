"""``weir policy try``: what a judge says of one post, in whole, and what it cost."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from weir.pipelines.commands.terminal import AsJson, Policies, console, find_policy
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.evaluate.judging import Answer, Patience, judge_cases
from weir.pipelines.evaluate.labels import Case
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.settings.engines import engine_factory
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.judge.in_flight import Failed
from weir.transforms.judge.unreadable_answers import remedy
from weir.transforms.judge.verdict import Verdict
from weir.transforms.records import Outcome
from weir.transforms.text.hidden import visible

_COSTS = ("tokens_in", "tokens_cached", "tokens_out", "tokens_reasoning", "tokens_cut")


def try_policy(
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    policy_id: Annotated[str, typer.Argument(metavar="ID", help="The policy to ask about.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The post; - reads it from stdin.")],
    policies: Policies = str(LIBRARY),
    as_json: AsJson = False,
) -> None:
    """Judge one post under a policy: the whole answer, and what it took.

    Exit 0 for a verdict, 1 for an indeterminate one, 2 for none. For example: weir policy try spam
    "buy now" --engine endpoint --endpoint-url http://127.0.0.1:11434/v1
    """
    with report_errors():
        post = sys.stdin.read() if text == "-" else text
        if not post.strip():
            raise OptionError("The post is empty: give its text, or - and the text on stdin")
        loaded = load_policies(policies)
        policy = find_policy(loaded, policy_id)
        patience = Patience(1, judge.judge_timeout)
        case = Case(1, post, violates=False)  # which of the two it is nobody says
        factory = engine_factory(judge, endpoint, loaded)
        found = judge_cases(factory, policy, [case], 1, patience)
    ((answer,),) = found.answers
    described = _described(answer) | {"engine": found.engine, "model": found.model}
    if as_json:
        typer.echo(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        _print(described)
    raise typer.Exit(_exit_code(answer))


def _described(answer: Answer) -> dict[str, Any]:
    if isinstance(answer.said, Failed):
        return {"verdict": None} | asdict(answer.said)
    verdict, completion = answer.said, answer.completion
    assert completion is not None  # a verdict is of one
    return {
        "verdict": str(verdict.outcome),
        "probability": verdict.probability,
        "confidence": verdict.confidence,
        "categories": list(verdict.categories),
        "rules": list(verdict.rule_ids),
        "rationale": verdict.rationale,
        "reason": verdict.reason and str(verdict.reason),
        "to change": remedy(verdict.reason) if verdict.reason else None,
        "reasoning": verdict.reasoning,
        "answer": completion.final,
        "finish": str(completion.finish_reason),
        "latency_ms": answer.latency_ms and round(answer.latency_ms, 1),
        **{name: getattr(completion, name) for name in _COSTS},
    }


def _print(described: dict[str, Any]) -> None:
    for name, value in described.items():
        if value in (None, []):
            continue
        said = ", ".join(value) if isinstance(value, list) else str(value)
        # Whole, but for what could command a terminal: the post has provoked it.
        lines = "\n  ".join(escape(visible(line)) for line in said.splitlines())
        console.print(f"{name.replace('_', ' ')}: {lines}", highlight=False, soft_wrap=True)


def _exit_code(answer: Answer) -> int:
    if not isinstance(answer.said, Verdict):
        return 2
    return 1 if answer.said.outcome == Outcome.INDETERMINATE else 0
