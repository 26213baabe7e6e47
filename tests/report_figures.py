"""Figures of a report with every section filled, whatever its posts say."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from weir.pipelines.report.figures import (
    Category,
    Cause,
    Cost,
    Day,
    Example,
    Figures,
    PolicyRow,
    Version,
)
from weir.pipelines.report.stages import Stages
from weir.pipelines.screening.recall import Audited
from weir.transforms.screen.live_recall import Sample

FIRST = date(2026, 3, 1)
DAYS = 14
WAVE = tuple((3 * n) % 7 + n for n in range(DAYS))


def figures(text="buy now", **changes):
    """Return the figures of two policies over two weeks; ``text`` is in all that posts provoke."""
    days = tuple(
        Day(FIRST + timedelta(days=n), 40_000 + 900 * n, 1_800 + 130 * wave, 40 + 9 * wave)
        for n, wave in enumerate(WAVE)
    )
    made = Figures(
        run="live",
        mode="enforce",
        first=days[0].day,
        last=days[-1].day,
        days=days,
        policies=(_policy("spam", WAVE), _policy("hate", WAVE[::-1])),
        recall=(_audited("hate", 12, 0.95), _audited("spam", 60, 0.95), _audited("new", 2, None)),
        categories=(
            Category("spam", text, 812, WAVE),
            Category("hate", "slurs", 91, WAVE[::-1]),
        ),
        stages=(
            Stages("spam", 48.2, 900.0, 51.8, 12_400.0, 250_000.0, 3.4),
            Stages("hate", None, None, None, 900.0, None, None),
        ),
        costs=(
            _cost("spam", "openai/gpt-oss-safeguard-20b"),
            _cost("hate", "openai/gpt-oss-safeguard-120b"),
        ),
        changes=(
            (
                "spam",
                (
                    _version("3f1c2a9b7d604e15", 0, 900, 81, "Spam is bulk.\nAsk for money."),
                    _version("a81b9c0d2e3f4a5b", 5, 1_200, 160, f"Spam is bulk.\n{text}"),
                ),
            ),
        ),
        causes=(
            Cause("decode", "invalid_json", None, 312, "The value is not JSON at byte 7."),
            Cause("judge", "engine_error", "spam", 4, text),
        ),
        examples=tuple(
            Example(
                policy_id=policy,
                content_id=f"post-{n}",
                topic="posts",
                partition=3,
                offset=1_000_000 + n,
                day=FIRST + timedelta(days=n),
                language="en",
                text=text,
                rationale=f"It says {text}.",
                rules=("R1", "R2"),
                probability=0.97 - n / 10,
                decided_by="human" if n else "judge",
            )
            for policy in ("hate", "spam")
            for n in range(2)
        ),
        disagreements=7,
        reviewed=120,
    )
    return replace(made, **changes)


def _policy(policy_id, trend):
    return PolicyRow(
        policy_id=policy_id,
        escalated=21_000,
        audited=400,
        judged=21_400,
        violating=sum(trend),
        safe=20_100,
        indeterminate=320,
        undecided=12,
        reviewed=60,
        trend=trend,
    )


def _audited(policy_id, missed, certified):
    sample = Sample(
        escalated=21_000,
        escalated_answered=20_700,
        caught=900,
        cleared=540_000,
        audits=5_400,
        audits_answered=5_300,
        missed_seen=missed // 10,
        audit_weight=530_000.0,
        audit_squares=53_000_000.0,
        missed_weight=missed * 10.0,
        missed_squares=missed * 1_000.0,
    )
    last = FIRST + timedelta(days=DAYS - 1)
    return Audited(policy_id, "s1", FIRST, last, DAYS, 0, sample, certified)


def _cost(policy_id, model):
    return Cost(
        policy_id=policy_id,
        engine="vllm",
        model=model,
        verdicts=21_340,
        from_cache=812,
        violating=980,
        tokens_in=19_000_000,
        tokens_cached=17_500_000,
        tokens_out=2_100_000,
        tokens_computed=3_600_000,
        latency_ms=812.0,
    )


def _version(version, day, judged, violating, text):
    first = datetime(2026, 3, 1, 9, tzinfo=UTC) + timedelta(days=day)
    return Version(version, first, judged, violating, text)
