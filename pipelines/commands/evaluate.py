"""``weir policy evaluate``: how right a policy is, on posts whose answer is known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.evaluate_view import print_evaluation, print_versus
from weir.pipelines.commands.judging_progress import show_progress
from weir.pipelines.commands.terminal import AsJson, Policies, find_policy
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.evaluate.against import other_version
from weir.pipelines.evaluate.as_json import describe
from weir.pipelines.evaluate.evaluation import Evaluation, Versus
from weir.pipelines.evaluate.judging import Patience, held_out, judge_cases
from weir.pipelines.evaluate.labels import Labels, golden_labels, labels_of_file
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.engines import engine_factory
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Policy, PolicySet

_EXEMPLAR = "exemplar"


def evaluate(
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    bigquery: BigQueryOptions,
    policy_id: Annotated[str, typer.Argument(metavar="ID", help="The policy to test.")],
    policies: Policies = str(LIBRARY),
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with the columns text and label (violates, safe or the policy's own), or a "
            "file as weir screen train takes it. Default: the policy's golden examples."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Another version: a folder of policies, or a version (with --bigquery-project)."
        ),
    ] = None,
    repeat: Annotated[int, typer.Option(help="Judge every post so often.")] = 1,
    min_f1: Annotated[
        float | None, typer.Option("--min-f1", help="Exit 1 where F1 is below this.")
    ] = None,
    show: Annotated[int, typer.Option(help="Misjudged posts to print.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Measure how right a policy is on labelled posts; exit 1 below --min-f1, 2 if it cannot tell.

    For example: weir policy evaluate spam --engine endpoint --endpoint-url
    http://127.0.0.1:11434/v1
    """
    with report_errors():
        _check(judge.engine, against, repeat, min_f1, show)
        loaded = load_policies(policies)
        policy = find_policy(loaded, policy_id)
        cases = golden_labels(policy) if labels is None else labels_of_file(labels, policy)
        recorded = bigquery_settings(bigquery) if bigquery.project else None
        other = other_version(against, policy, recorded) if against else None
        evaluations = _evaluated(
            judge, endpoint, loaded, [policy, *([other] if other else [])], cases, repeat
        )
    evaluation = evaluations[0]
    versus = Versus(evaluations[1], evaluation) if len(evaluations) > 1 else None
    if as_json:
        typer.echo(json.dumps(describe(evaluation, versus), indent=2, ensure_ascii=False))
    else:
        print_evaluation(evaluation, show)
        if versus:
            print_versus(versus)
    raise typer.Exit(_exit_code(evaluations, min_f1))


def _check(
    engine: str,
    against: str | None,
    repeat: int,
    min_f1: float | None,
    show: int,
) -> None:
    if repeat < 1:
        raise OptionError(f"--repeat is {repeat}; judge every post at least once")
    if min_f1 is not None and not 0 <= min_f1 <= 1:
        raise OptionError(f"--min-f1 is {min_f1}; it is a share, from 0 to 1")
    if show < 0:
        raise OptionError(f"--show is {show}; give a number of posts, or 0 for none")
    if against and engine == _EXEMPLAR:
        raise OptionError(
            "--against needs a judge that reads policies, and the exemplar judge reads none; give "
            "--engine endpoint or vllm"
        )


def _evaluated(
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    loaded: PolicySet,
    policies: Sequence[Policy],
    labels: Labels,
    repeat: int,
) -> list[Evaluation]:
    patience = Patience(judge.max_in_flight, judge.judge_timeout)
    examples = {example.text for example in policies[0].examples}
    learned = judge.engine == _EXEMPLAR and any(c.text in examples for c in labels.cases)
    with show_progress(len(labels.cases) * repeat * len(policies)) as heard:
        if learned:
            (policy,) = policies
            found = held_out(
                lambda each: engine_factory(judge, endpoint, each),
                loaded,
                policy,
                labels.cases,
                repeat,
                patience,
                heard,
            )
            return [Evaluation(policy, labels, found, held_out=True)]
        factory = engine_factory(judge, endpoint, loaded)
        evaluations: list[Evaluation] = []
        for policy in policies:
            found = judge_cases(factory, policy, labels.cases, repeat, patience, heard)
            evaluations.append(Evaluation(policy, labels, found, held_out=False))
            if found.stopped:
                break
        return evaluations


def _exit_code(evaluations: Sequence[Evaluation], min_f1: float | None) -> int:
    """Return 2 where posts have no answer or most cannot be read, 1 below the F1, and else 0."""
    if any(each.unanswered or each.unreadable.warning for each in evaluations):
        return 2
    value = evaluations[0].measures.f1.value
    return 1 if min_f1 is not None and (value is None or value < min_f1) else 0
