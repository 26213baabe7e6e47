"""What a comparison says in words and figures, for the terminal and the page alike."""

from collections.abc import Iterator

from weir.pipelines.compare.cells import Cost, Group
from weir.pipelines.compare.rows import Compared, Decided
from weir.pipelines.compare.sides import Side, days_left_out
from weir.transforms.statistics import Share, Words, mcnemar_in_words


def slice_in_words(found: Compared) -> Iterator[str]:
    """Yield a sentence about what is compared, and one about each thing that is left out."""
    window, posts = found.window, found.posts
    yield (
        f"{posts.both:,} posts that both have, written from {window.since:%Y-%m-%d %H:%M} to "
        f"{window.until:%Y-%m-%d %H:%M} UTC."
    )
    if posts.only_a or posts.only_b:
        yield (
            f"The slices differ: {posts.only_a:,} posts are only in {found.a.name} and "
            f"{posts.only_b:,} only in {found.b.name}; they are not compared."
        )
    for side in (found.a, found.b):
        if days := days_left_out(side, window):
            of_days = f"{days:,} other day{'s' if days > 1 else ''}"
            yield f"{side.name} also covers {of_days}, not compared."
    sides: tuple[Side, Side] = (found.a, found.b)
    for side, policies in zip(sides, found.counted.policies_of_one_side, strict=True):
        if policies:
            yield f"Only {side.name} decided by {', '.join(policies)}; that is not compared."
    if unsure := found.counted.total.unsure:
        yield (
            f"Indeterminate or waiting for the judge on one side or both: {unsure:,} decisions. "
            "They are neither flagged nor safe, and are no part of the figures."
        )


def judgement_in_words(found: Compared) -> str:
    """Return what McNemar's test says."""
    words = Words(pairs="decisions")
    return mcnemar_in_words(found.counted.total.flips, found.a.name, found.b.name, words)


def figures(group: Group) -> tuple[str, ...]:
    """Return name, pairs, agreement, newly and no longer flagged, and difference of a group."""
    flips = group.flips
    if not flips.pairs:
        return group.name, "0", "", "", "", ""
    value, low, high = flips.difference
    return (
        group.name,
        f"{flips.pairs:,}",
        _share(flips.agreement),
        f"{flips.gained:,}: {_share(flips.newly_flagged)}",
        f"{flips.lost:,}: {_share(flips.no_longer_flagged)}",
        _points(value, low, high) if flips.pairs >= _FEWEST_PAIRS else "too few to say",
    )


_FEWEST_PAIRS = 20  # with fewer, even where nothing flips the interval is 13 points either way


def _points(value: float, low: float, high: float) -> str:
    decimals = 1 if high - low >= 0.01 else 2
    said = [f"{100 * share:+.{decimals}f}" for share in (value, low, high)]
    return "{} ({} to {})".format(*said)


COLUMNS = ("pairs", "agreement %", "newly flagged %", "no longer flagged %", "difference, points")


def cost_cells(name: str, cost: Cost) -> tuple[str, ...]:
    """Return name, requests, answers from the cache, and tokens in and out."""
    return (
        name,
        f"{cost.requests:,.0f}",
        f"{cost.cached:,}",
        *("not counted" if n is None else f"{n:,}" for n in (cost.tokens_in, cost.tokens_out)),
    )


COST_COLUMNS = ("", "judge requests", "from the cache", "tokens in", "tokens out")


def decision_in_words(decided: Decided) -> str:
    """Return a label with its probability, rules and reason."""
    said = decided.label
    if decided.label == "cleared":
        return "cleared by the screen"
    if decided.probability is not None:
        said += f", P(violates) {decided.probability:.2f}"
    if decided.rule_ids:
        said += f", {', '.join(decided.rule_ids)}"
    return f"{said} ({decided.reason})" if decided.reason else said


def _share(share: Share) -> str:
    return f"{_percent(share.value or 0)} ({_percent(share.low)}-{_percent(share.high)})"


def _percent(share: float) -> str:
    """Return a share in hundreds, with the decimals that matter near 0 and 1."""
    return f"{100 * share:.2f}" if 0 < min(share, 1 - share) < 0.01 else f"{100 * share:.1f}"
