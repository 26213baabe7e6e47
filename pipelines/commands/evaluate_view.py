"""An evaluation on a terminal."""

from rich.text import Text

from weir.pipelines.commands.terminal import console, plain, print_table
from weir.pipelines.evaluate.evaluation import Evaluation, Misjudged, Versus
from weir.pipelines.evaluate.measures import Interval
from weir.pipelines.evaluate.two_ways import Band, Ways
from weir.transforms.judge.exemplar.engine import STAND_IN
from weir.transforms.statistics import Share

_TEXT, _SAID, _REASONED = 160, 300, 600  # characters of a post, a rationale and a reasoning


def print_evaluation(evaluation: Evaluation, show: int) -> None:
    """Print the figures, the confusion table and up to ``show`` misjudged posts."""
    policy, labels = evaluation.policy, evaluation.labels
    for warning in labels.warnings:
        _say(warning)
    _say(
        f"{policy.policy_id} {policy.version} on {len(labels.cases):,} posts ({labels.source}), "
        f"judged by {evaluation.judgements.model}"
    )
    if evaluation.held_out:
        _say(
            "This judge is a stand-in that learns from the golden examples and reads no policy: "
            "each fifth of the posts was judged by one that learned from the others only."
        )
    if evaluation.judgements.stopped:
        _say("Stopped: the figures are of what was judged until then.")
    if most := evaluation.unreadable.warning:
        _say(most)
    _print_figures(evaluation)
    _print_confusion(evaluation)
    if rules := evaluation.rules:
        rows = [[r.rule_id, f"{r.flagged.hits} of {r.flagged.count}"] for r in rules]
        print_table("flagged, by rule", ["rule", "flagged"], rows)
    _print_misjudged(evaluation.misjudged, show)
    _print_stability(evaluation, show)
    _print_unanswered(evaluation, show)
    if evaluation.tokens:
        _say("tokens: {:,} in, {:,} out".format(*evaluation.tokens))


def print_versus(versus: Versus) -> None:
    """Print what changes from the one policy to the other."""
    before, after = versus.before, versus.after
    print_table(
        "against another version",
        ["", before.policy.version, after.policy.version],
        [
            [name, *(_cell(getattr(e.measures, name)) for e in (before, after))]
            for name in ("precision", "recall", "f1", "indeterminate")
        ],
    )
    grown = versus.f1_difference
    if grown.value is not None:
        _say(f"F1 changes by {grown.value:+.3f} ({grown.low:+.3f} to {grown.high:+.3f}).")
    _say(versus.words)


def print_ways(ways: Ways, agreement: float | None) -> None:
    """Print two ways to ask side by side, and the band of efforts where a target is given."""
    print_table(
        f"{ways.names[0]} and {ways.names[1]}",
        ["", *ways.names],
        [
            *(
                [name, *(_cell(getattr(e.measures, name)) for e in ways.evaluations)]
                for name in ("precision", "recall", "f1", "indeterminate")
            ),
            ["requests", *(f"{each.requests:,.1f}" for each in ways.evaluations)],
            *(
                [
                    f"tokens {name}",
                    *(f"{e.tokens[n]:,}" if e.tokens else "" for e in ways.evaluations),
                ]
                for n, name in enumerate(("in", "out"))
            ),
        ],
    )
    _say(f"They agree on {_cell(ways.agreement)} of the posts.")
    if agreement is not None:
        _print_band(ways.band(agreement), agreement)


def _print_band(band: Band | None, agreement: float) -> None:
    if band is None:
        _say(
            "This engine gives no probabilities, so no band can be chosen: what the model is not "
            "highly confident of is asked again."
        )
        return
    _say(
        f"To agree with the second effort on {agreement:g} of the posts, paste:\n"
        f"effort_band: {band.low:g}, {band.high:g}\n"
        f"{_cell(band.asked_again)} of these posts are then asked again, and "
        f"{_cell(band.agreement)} decided as at the second effort."
    )


def _print_figures(evaluation: Evaluation) -> None:
    measures = evaluation.measures
    rows = [
        _row("precision", measures.precision, f"{measures.precision.count:,} flagged posts"),
        _row("recall", measures.recall, f"{measures.recall.count:,} violating posts"),
        _row("F1", measures.f1, ""),
        _row("indeterminate", measures.indeterminate, f"{measures.indeterminate.count:,} posts"),
    ]
    if fit := measures.calibration:
        chance = f"{fit.ece_by_chance:.3f}"
        rows += [
            _row("Brier score", fit.brier, f"{fit.posts:,} posts with a probability; 0 is best"),
            _row("calibration error", fit.ece, f"exact probabilities would show up to {chance}"),
        ]
    else:
        rows.append(["calibration", "unknown", "", "the engine gives no probability"])
    print_table("how right it is, with 95 % intervals", ["", "value", "from-to", "of"], rows)


def _row(name: str, figure: Share | Interval, of: str) -> list[str]:
    if figure.value is None:
        return [name, "unknown", "", of]
    return [name, f"{figure.value:.3f}", f"{figure.low:.3f}-{figure.high:.3f}", of]


def _print_confusion(evaluation: Evaluation) -> None:
    table = evaluation.measures.confusion
    print_table(
        "labelled as (rows), judged as (columns)",
        ["", "violates", "safe", "indeterminate"],
        [
            ["violates", table.caught, table.missed, table.violating_indeterminate],
            ["safe", table.wrongly_flagged, table.rightly_safe, table.safe_indeterminate],
        ],
    )


def _print_misjudged(misjudged: list[Misjudged], show: int) -> None:
    if not misjudged:
        _say("No post was misjudged.")
        return
    _say(f"\nmisjudged: {len(misjudged):,}, the most confident first")
    for each in misjudged[:show]:
        case, verdict = each.case, each.verdict
        right = "violates" if case.violates else "safe"
        rule = f" ({case.rule_id})" if case.rule_id else ""
        said = str(verdict.outcome) + (f" ({verdict.reason})" if verdict.reason else "")
        sure = "" if verdict.probability is None else f", P(violates) {verdict.probability:.2f}"
        _say(f"\n  row {case.row}: {right}{rule}, judged {said}{sure}")
        for name, text, width in (
            ("post", case.text, _TEXT),
            ("note", case.note, _TEXT),
            ("says", (verdict.rationale or "").removeprefix(STAND_IN), _SAID),
            ("thought", verdict.reasoning, _REASONED),
            ("answer", verdict.answer, _REASONED),
        ):
            if text:
                console.print(f"    {name}: {plain(text, width)}", highlight=False, soft_wrap=True)
    if len(misjudged) > show:
        _say(f"\n  and {len(misjudged) - show:,} more; --show or --json has them")


def _print_stability(evaluation: Evaluation, show: int) -> None:
    stability = evaluation.stability
    if stability is None:
        return
    _say(
        f"\nover {stability.rounds} rounds {_cell(stability.same)} of the posts have one verdict; "
        f"F1 is from {_number(stability.lowest_f1)} to {_number(stability.highest_f1)}"
    )
    for each in stability.unstable[:show]:
        verdicts = ", ".join(f"{verdict} {count}" for verdict, count in each.verdicts)
        post = plain(each.case.text, _TEXT)
        console.print(f"  row {each.case.row}: {verdicts}: {post}", highlight=False)


def _print_unanswered(evaluation: Evaluation, show: int) -> None:
    unanswered = evaluation.unanswered
    if not unanswered:
        return
    _say(f"\n{len(unanswered):,} requests got no answer and are no part of the figures:")
    for each in unanswered[:show]:
        _say(f"  row {each.case.row}: {each.failed.reason}: {each.failed.error}")


def _cell(figure: Share | Interval) -> str:
    if figure.value is None:
        return "unknown"
    return f"{figure.value:.3f} ({figure.low:.3f}-{figure.high:.3f})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _say(words: str) -> None:
    """Print words of our own, as they are."""
    console.print(Text(words), highlight=False, soft_wrap=True)
