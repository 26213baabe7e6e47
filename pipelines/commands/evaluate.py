"""``weir policy evaluate``: how right a policy is, on posts whose answer is known."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from weir.pipelines.commands.evaluate_set import evaluate_set, print_set, published_set
from weir.pipelines.commands.evaluate_view import print_evaluation, print_versus, print_ways
from weir.pipelines.commands.judging_progress import show_progress
from weir.pipelines.commands.terminal import AsJson, Policies, find_policy
from weir.pipelines.errors import OptionError, report_errors
from weir.pipelines.evaluate.as_json import describe, describe_ways
from weir.pipelines.evaluate.evaluation import Evaluation, Versus
from weir.pipelines.evaluate.judging import Patience, held_out, judge_cases
from weir.pipelines.evaluate.labels import Labels, golden_labels, labels_of_file
from weir.pipelines.evaluate.other_version import other_version
from weir.pipelines.evaluate.two_ways import Ways
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.options.sinks import BigQueryOptions
from weir.pipelines.settings.bigquery import bigquery_settings
from weir.pipelines.settings.engines import engine_factory
from weir.policies.group import Group, groups_of
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Effort, Policy, PolicySet

_EXEMPLAR = "exemplar"


def evaluate(
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    bigquery: BigQueryOptions,
    policy_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The policy to test.", show_default=False)
    ] = None,
    policies: Policies = str(LIBRARY),
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with the columns text and label (violates, safe or the policy's own), or a "
            "file as weir screen train takes it. Default: the policy's golden examples."
        ),
    ] = None,
    of_set: Annotated[
        str | None,
        typer.Option(
            "--set",
            metavar="NAME",
            help="A public set, openai-moderation-2022 or toxicchat, under policies that Weir has "
            "for it: --labels is its file, as it was published.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Another version: a folder of policies, or a version (with --bigquery-project)."
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="Ask beside the other policies of its status and effort as well, as "
            "--judge-together does, and compare.",
        ),
    ] = False,
    agreement: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Ask at two efforts, and choose the effort_band that decides this share of the "
            "posts as the second effort does, such as 0.98.",
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
        _check_ways(judge.engine, together, agreement, against)
        if of_set is not None:
            _check_set(judge.engine, policy_id, labels, together or bool(agreement or against))
            assert labels is not None
            chosen = published_set(of_set)
            folder = chosen.folder if policies == str(LIBRARY) else policies
            found = evaluate_set(chosen, labels, folder, judge, endpoint)
            print_set(found, as_json=as_json)
            raise typer.Exit(_exit_code(found.evaluations, found.posts_f1.value, min_f1))
        if policy_id is None:
            raise OptionError("name the policy to test, such as weir policy evaluate spam")
        loaded = load_policies(policies)
        policy = find_policy(loaded, policy_id)
        cases = golden_labels(policy) if labels is None else labels_of_file(labels, policy)
        recorded = bigquery_settings(bigquery) if bigquery.project else None
        other = other_version(against, policy, recorded) if against else None
        if together or agreement is not None:
            group = _group(loaded, policy) if together else None
            ways = _ways(judge, endpoint, loaded, policy, group, cases)
            _print_ways(ways, agreement, as_json=as_json)
            raise typer.Exit(_exit_code(ways.evaluations, _f1(ways.evaluations), min_f1))
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
    raise typer.Exit(_exit_code(evaluations, _f1(evaluations), min_f1))


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


def _check_ways(engine: str, together: bool, agreement: float | None, against: str | None) -> None:
    if agreement is not None and not 0 < agreement <= 1:
        raise OptionError(f"--agreement is {agreement}; it is a share, above 0 and up to 1")
    given = [
        name
        for name, said in (
            ("--together", together),
            ("--agreement", agreement is not None),
            ("--against", bool(against)),
        )
        if said
    ]
    if len(given) > 1:
        raise OptionError(f"{' and '.join(given)} are compared one at a time; give one of them")
    if given and engine == _EXEMPLAR:
        raise OptionError(
            f"{given[0]} needs a judge that reads policies, and the exemplar judge reads none; "
            "give --engine endpoint or vllm"
        )


def _group(loaded: PolicySet, policy: Policy) -> Group:
    group = groups_of(loaded.policies).get(policy.version)
    if group is None:
        raise OptionError(
            f"--together: no other policy has the status {policy.status} and the effort "
            f"{policy.effort}, so {policy.policy_id} is asked alone in any case"
        )
    return group


def _ways(
    judge: JudgeOptions,
    endpoint: EndpointOptions,
    loaded: PolicySet,
    policy: Policy,
    group: Group | None,
    labels: Labels,
) -> Ways:
    """Return the policy asked alone and in its group; without one, at its two efforts."""
    two = policy if policy.second_effort else replace(policy, second_effort=Effort.HIGH)
    if two.effort == Effort.HIGH:
        two = replace(two, effort=Effort.LOW)
    asked = [policy, policy] if group else list(two.rungs)
    names = ("alone", "together") if group else (str(two.effort), str(two.second_effort))
    factory = engine_factory(judge, endpoint, loaded)
    patience = Patience(judge.max_in_flight, judge.judge_timeout)
    with show_progress(len(labels.cases) * 2) as heard:
        first, second = (
            Evaluation(
                each,
                labels,
                judge_cases(factory, each, labels.cases, 1, patience, heard, beside),
                held_out=False,
            )
            for each, beside in zip(asked, (None, group), strict=True)
        )
    return Ways(names, (first, second))


def _print_ways(ways: Ways, agreement: float | None, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(describe_ways(ways, agreement), indent=2, ensure_ascii=False))
    else:
        print_ways(ways, agreement)


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


def _check_set(engine: str, policy_id: str | None, labels: Path | None, compared: bool) -> None:
    if policy_id is not None:
        raise OptionError(f"--set judges under its own policies, so leave {policy_id} out")
    if labels is None:
        raise OptionError("--set needs --labels: the file of the set, as it was published")
    if compared:
        raise OptionError("--set goes with none of --together, --agreement and --against")
    if engine == _EXEMPLAR:
        raise OptionError(
            "--set needs a judge that reads policies, and the exemplar judge reads none; give "
            "--engine endpoint or vllm"
        )


def _f1(evaluations: Sequence[Evaluation]) -> float | None:
    return evaluations[0].measures.f1.value


def _exit_code(evaluations: Sequence[Evaluation], value: float | None, min_f1: float | None) -> int:
    """Return 2 where posts have no answer or most cannot be read, 1 below the F1, and else 0."""
    if any(each.unanswered or each.unreadable.warning for each in evaluations):
        return 2
    return 1 if min_f1 is not None and (value is None or value < min_f1) else 0
