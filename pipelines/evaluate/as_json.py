"""An evaluation as JSON."""

from dataclasses import asdict
from typing import Any

from weir.pipelines.evaluate.evaluation import Evaluation, Misjudged, Stability, Versus
from weir.pipelines.evaluate.two_ways import Ways
from weir.transforms.statistics import Share


def describe_ways(ways: Ways, agreement: float | None = None) -> dict[str, Any]:
    """Return both evaluations and how often they agree; with a target, the band for it."""
    first, second = ways.evaluations
    band = None if agreement is None else ways.band(agreement)
    described = describe(first) | {
        "other": describe(second),
        "ways": list(ways.names),
        "agreement": _share(ways.agreement),
    }
    if band is not None:
        described["effort_band"] = {
            "low": band.low,
            "high": band.high,
            "agreement": _share(band.agreement),
            "asked_again": _share(band.asked_again),
        }
    return described


def describe(evaluation: Evaluation, versus: Versus | None = None) -> dict[str, Any]:
    """Return all that was measured; the texts of misjudged posts are in it."""
    measures, stability, tokens = evaluation.measures, evaluation.stability, evaluation.tokens
    calibration, table = measures.calibration, measures.confusion
    return {
        "policy": evaluation.policy.policy_id,
        "version": evaluation.policy.version,
        "engine": evaluation.judgements.engine,
        "model": evaluation.judgements.model,
        "labels": {
            "source": evaluation.labels.source,
            "posts": len(evaluation.labels.cases),
            "violating": sum(case.violates for case in evaluation.labels.cases),
            "held_out": evaluation.held_out,
        },
        "precision": _share(measures.precision),
        "recall": _share(measures.recall),
        "f1": asdict(measures.f1),
        "indeterminate": _share(measures.indeterminate),
        "confusion": {
            "violates": {
                "violates": table.caught,
                "safe": table.missed,
                "indeterminate": table.violating_indeterminate,
            },
            "safe": {
                "violates": table.wrongly_flagged,
                "safe": table.rightly_safe,
                "indeterminate": table.safe_indeterminate,
            },
        },
        "calibration": asdict(calibration) if calibration else None,
        "rules": [{"rule": r.rule_id} | _share(r.flagged) for r in evaluation.rules],
        "misjudged": [_misjudged(each) for each in evaluation.misjudged],
        "stability": _stability(stability) if stability else None,
        "unanswered": [
            {"row": u.case.row, "reason": u.failed.reason, "error": u.failed.error}
            for u in evaluation.unanswered
        ],
        "requests": evaluation.requests,
        "tokens": {"in": tokens[0], "out": tokens[1]} if tokens else None,
        "against": _against(versus) if versus else None,
    }


def _against(versus: Versus) -> dict[str, Any]:
    """Return the other policy's evaluation, and the difference."""
    return describe(versus.before) | {
        "f1_difference": asdict(versus.f1_difference),
        "only_after_right": versus.right.gained,
        "only_before_right": versus.right.lost,
        "p_value": versus.right.p_value,
        "words": versus.words,
    }


def _share(share: Share) -> dict[str, Any]:
    """Return a share with its interval and its counts."""
    return {
        "value": share.value,
        "low": share.low,
        "high": share.high,
        "hits": share.hits,
        "count": share.count,
    }


def _misjudged(each: Misjudged) -> dict[str, Any]:
    case, verdict = each.case, each.verdict
    return {
        "row": case.row,
        "text": case.text,
        "label": "violates" if case.violates else "safe",
        "rule": case.rule_id,
        "note": case.note,
        "verdict": str(verdict.outcome),
        "probability": verdict.probability,
        "confidence": verdict.confidence,
        "rules": list(verdict.rule_ids),
        "reason": str(verdict.reason) if verdict.reason else None,
        "rationale": verdict.rationale,
        "reasoning": verdict.reasoning,
        "answer": verdict.answer,
    }


def _stability(stability: Stability) -> dict[str, Any]:
    return {
        "rounds": stability.rounds,
        "same": _share(stability.same),
        "lowest_f1": stability.lowest_f1,
        "highest_f1": stability.highest_f1,
        "unstable": [
            {"row": each.case.row, "text": each.case.text, "verdicts": dict(each.verdicts)}
            for each in stability.unstable
        ],
    }
