"""Plans as rows of tables, for a terminal and for docs/capacity.md."""

from collections.abc import Sequence
from dataclasses import fields

from weir.pipelines.capacity.constants import CARDS, CONSTANTS, MODELS
from weir.pipelines.capacity.plan import BoundedRun, Plan, Workload, plan
from weir.pipelines.capacity.warehouse import day_of, question_usd

RATES = (1_000, 100_000, 10_000_000)
DAYS = (1_000_000, 100_000_000, 10_000_000_000)
Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def parts_table(plans: Sequence[tuple[str, Plan]]) -> Table:
    """Return what each plan takes and costs a month, a column a plan."""
    rows = [
        [
            f"{part.name}, {_unit(part.unit, [p for _, p in plans], n)}",
            *(f"{_short(p.parts[n].amount)}{_usd(p.parts[n].usd_month)}" for _, p in plans),
        ]
        for n, part in enumerate(plans[0][1].parts)
    ]
    rows.append(["all of it, USD a month", *(_short(p.usd_month) for _, p in plans)])
    rows.append(["what dominates", *(p.dominates.name for _, p in plans)])
    rows.append(
        [
            "what breaks, the worst first",
            *(", ".join(b.name for b in p.breaks) or "nothing" for _, p in plans),
        ]
    )
    return ["", *(name for name, _ in plans)], rows


def limits_table(made: Plan) -> Table:
    """Return where each part stops scaling, and what is done then."""
    rows = [
        [
            limit.name,
            _short(limit.asked),
            _short(limit.bears),
            f"{limit.times:,.2g}",
            limit.source,
            limit.then,
        ]
        for limit in made.limits
    ]
    return ["part", "asked", "bears", "times", "what it bears", "what is done then"], rows


def constants_table() -> Table:
    """Return every figure that plans rest on, with its source."""
    rows = [[c.name, f"{c.value:,.4g}", c.unit, c.source] for c in CONSTANTS]
    rows += [
        [
            f"card {name}",
            f"{c.bandwidth_gb:,.0f}",
            "GB a second",
            f"{c.source}: {c.usd_hour:.2f} USD an hour",
        ]
        for name, c in CARDS.items()
    ]
    rows += [
        [f"model {name}", f"{1 / m.read_by_token:.2f}", "of the rate of the 20b", m.source]
        for name, m in MODELS.items()
    ]
    return ["what", "value", "unit", "source"], rows


def days_table(record_cleared: float = 1.0) -> Table:
    """Return what a day of posts costs in BigQuery to store and to ask."""
    made = [day_of(posts, record_cleared=record_cleared) for posts in DAYS]
    asked = [
        ("one question about it, today's rows pruned by the day", "asked_of_tables"),
        ("the same where the filter stops at a window: 30 days are read", "unpruned"),
        ("the same, folded", "asked_of_folded"),
    ]
    rows = [
        ["its tables, GB", *(f"{(d.screenings + d.verdicts) / 1e9:,.1f}" for d in made)],
        ["its folded labels, GB", *(f"{d.folded / 1e9:,.1f}" for d in made)],
        ["stored, USD a month", *(f"{d.storage_usd:,.2f}" for d in made)],
        *(
            [f"{name}, USD", *(f"{question_usd(getattr(d, field)):,.4f}" for d in made)]
            for name, field in asked
        ),
    ]
    return ["a day of posts", *(f"{posts:,}" for posts in DAYS)], rows


def workload_line(workload: Workload) -> str:
    """Return what was asked, in a line."""
    said = [
        f"{f.name.replace('_', ' ')} {_value(getattr(workload, f.name))}"
        for f in fields(workload)
        if f.name != "measured" and getattr(workload, f.name) is not None
    ]
    return f"{', '.join(said)} (screen: {workload.measured})"


def bounded_line(run: BoundedRun) -> str:
    """Return what a run that ends takes, in a line."""
    return (
        f"a run of {run.posts:,.0f} posts in one process takes about {run.core_seconds:,.0f} s of "
        f"processors and {run.requests:,.0f} requests"
    )


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    head, rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page_tables() -> dict[str, str]:
    """Return the tables of docs/capacity.md by the name of their place on it."""
    plans = [(f"{rate:,} a second", plan(Workload(rate))) for rate in RATES]
    sparing = Workload(RATES[-1], second_stage=0.0, requests_per_1000=20, record_cleared=0.01)
    return {
        "rates": markdown(parts_table(plans)),
        "limits": markdown(limits_table(plans[-1][1])),
        "sparing": markdown(parts_table([(f"{RATES[-1]:,} a second", plan(sparing))])),
        "days": markdown(days_table()),
        "days at 1 %": markdown(days_table(0.01)),
        "constants": markdown(constants_table()),
    }


def _unit(unit: str, plans: Sequence[Plan], number: int) -> str:
    units = {p.parts[number].unit for p in plans}
    return unit if len(units) == 1 else "as each plan says"


def _value(value: object) -> str:
    return f"{value:,g}" if isinstance(value, int | float) else str(value)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.2g}"


def _usd(usd: float) -> str:
    return f" ({_short(usd)} USD)" if usd else ""
