"""``weir policy evaluate --set``: a judge on a public set, beside what was published of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from weir.pipelines.commands.judging_progress import show_progress
from weir.pipelines.commands.terminal import console, find_policy, print_table
from weir.pipelines.errors import OptionError
from weir.pipelines.evaluate.as_json import describe
from weir.pipelines.evaluate.evaluation import Evaluation
from weir.pipelines.evaluate.judging import Patience, judge_cases
from weir.pipelines.evaluate.measures import Interval
from weir.pipelines.evaluate.published_sets import (
    SETS,
    PublishedSet,
    SetEvaluation,
    labels_of_set,
)
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.settings.engines import engine_factory
from weir.policies.loading import load_policies
from weir.transforms.judge.shared_engine import Engines


def published_set(name: str) -> PublishedSet:
    """Return the set of that name. Raises OptionError, which says what there is."""
    try:
        return SETS[name]
    except KeyError:
        raise OptionError(f"--set {name}: there are {' and '.join(SETS)}") from None


def evaluate_set(
    of: PublishedSet,
    path: Path,
    folder: str,
    judge: JudgeOptions,
    endpoint: EndpointOptions,
) -> SetEvaluation:
    """Judge every labelled post of a file under each policy of the set, by one engine."""
    labels = labels_of_set(path, of)
    loaded = load_policies(folder)
    policies = [find_policy(loaded, policy_id) for policy_id in labels]
    factory, engines = engine_factory(judge, endpoint, loaded), Engines()
    patience = Patience(judge.max_in_flight, judge.judge_timeout)
    evaluations: list[Evaluation] = []
    try:
        with show_progress(sum(len(each.cases) for each in labels.values())) as heard:
            for policy in policies:
                cases = labels[policy.policy_id]
                found = judge_cases(
                    factory, policy, cases.cases, 1, patience, heard, engines=engines
                )
                evaluations.append(Evaluation(policy, cases, found, held_out=False))
                if found.stopped:
                    break
    finally:
        engines.close()
    return SetEvaluation(of, tuple(evaluations))


def print_set(found: SetEvaluation, *, as_json: bool) -> None:
    """Print the figures of a set, policy by policy and as a whole, beside the published one."""
    if as_json:
        typer.echo(json.dumps(_described(found), indent=2, ensure_ascii=False))
        return
    of = found.of
    _say(f"{of.name}: {found.posts:,} posts, judged by {found.evaluations[0].judgements.model}")
    if any(each.judgements.stopped for each in found.evaluations):
        _say("Stopped: the figures are of posts that were judged in whole until then.")
    for each in found.evaluations:
        if most := each.unreadable.warning:
            _say(f"{each.policy.policy_id}: {most}")
    print_table(
        "by policy",
        ["policy", "posts", "violating", "precision", "recall", "F1", "indeterminate"],
        [
            [
                each.policy.policy_id,
                len(each.labels.cases),
                sum(case.violates for case in each.labels.cases),
                _number(each.measures.precision.value),
                _number(each.measures.recall.value),
                _number(each.measures.f1.value),
                each.measures.indeterminate.hits,
            ]
            for each in found.evaluations
        ],
    )
    for each in found.evaluations:
        for rule in each.rules:
            _say(f"of {rule.flagged.count:,} posts under {rule.rule_id}, flagged: "
                 f"{rule.flagged.hits:,}")  # fmt: skip
    _say(f"F1 of posts, violating where any policy is:  {_cell(found.posts_f1)}")
    _say(f"F1 of pairs of post and policy, pooled:      {_cell(found.pairs_f1)}")
    _say(f"published for {of.model}:     {of.published_f1:.3f} ({of.source})")
    if unanswered := sum(len(each.unanswered) for each in found.evaluations):
        _say(f"{unanswered:,} requests got no answer; their posts are no part of the figures")


def _described(found: SetEvaluation) -> dict[str, Any]:
    of = found.of
    return {
        "set": of.name,
        "posts": found.posts,
        "f1_posts": asdict(found.posts_f1),
        "f1_pairs": asdict(found.pairs_f1),
        "published": {"f1": of.published_f1, "model": of.model, "source": of.source},
        "policies": [describe(each) for each in found.evaluations],
    }


def _cell(figure: Interval) -> str:
    return f"{_number(figure.value)} ({figure.low:.3f}-{figure.high:.3f})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _say(words: str) -> None:
    console.print(words, markup=False, highlight=False, soft_wrap=True)
