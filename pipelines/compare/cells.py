"""What two sides decided, counted: from cells of like pairs to flips by policy, length and so on.

A *pair* is a post and a policy that both sides decided. Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from weir.transforms.statistics import Flips

FLAGGED = "violates"
PASSED = ("safe", "cleared")  # to who posted it they are the same; indeterminate is neither


@dataclass(frozen=True)
class Cost:
    """What the judge did for some pairs; tokens are None where no engine counted them."""

    requests: float = 0.0  # a part of one that asked about several policies
    cached: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.requests + other.requests,
            self.cached + other.cached,
            _sum(self.tokens_in, other.tokens_in),
            _sum(self.tokens_out, other.tokens_out),
        )


@dataclass(frozen=True)
class Cell:
    """``posts`` posts alike in all of this; a label is None where that side has none of them."""

    policy_id: str
    label_a: str | None
    label_b: str | None
    category: str | None
    language: str
    length: str  # in characters
    score: str  # of the screen, in hundredths
    posts: int
    cost_a: Cost = Cost()
    cost_b: Cost = Cost()

    @property
    def compared(self) -> bool:
        """Return whether both sides have these posts."""
        return self.label_a is not None and self.label_b is not None

    @property
    def decided(self) -> bool:
        """Return whether both sides say that the posts are flagged, or pass."""
        return all(label == FLAGGED or label in PASSED for label in (self.label_a, self.label_b))

    @property
    def gained(self) -> bool:
        """Return whether only B flags them."""
        return self.decided and self.label_b == FLAGGED != self.label_a

    @property
    def lost(self) -> bool:
        """Return whether only A flags them."""
        return self.decided and self.label_a == FLAGGED != self.label_b


@dataclass(frozen=True)
class Group:
    """The pairs that have something in common, such as a policy."""

    name: str
    flips: Flips
    unsure: int  # pairs that are indeterminate or undecided on a side, so outside the flips


@dataclass(frozen=True)
class Breakdown:
    """The pairs by one thing; most flips first."""

    by: str
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Counted:
    """All cells of a comparison."""

    cells: tuple[Cell, ...]

    @cached_property
    def compared(self) -> tuple[Cell, ...]:
        """Return the cells of pairs."""
        return tuple(cell for cell in self.cells if cell.compared)

    @property
    def total(self) -> Group:
        """Return all pairs as one group."""
        return _group("all", self.compared)

    @property
    def breakdowns(self) -> list[Breakdown]:
        """Return the pairs by policy, category, language, length and score of the screen.

        By category only flagged posts are told apart: what neither side flags has none.
        """
        flagged = [c for c in self.compared if FLAGGED in (c.label_a, c.label_b)]
        return [
            _breakdown("policy", self.compared, lambda cell: cell.policy_id),
            _breakdown("category of the flagged", flagged, lambda cell: cell.category or "none"),
            _breakdown("language", self.compared, lambda cell: cell.language),
            _breakdown("length in characters", self.compared, lambda cell: cell.length),
            _breakdown("score of the screen, of 100", self.compared, lambda cell: cell.score),
        ]

    @property
    def transitions(self) -> dict[tuple[str, str], int]:
        """Return how many pairs A labels so and B so, the most frequent first."""
        found: Counter[tuple[str, str]] = Counter()
        for cell in self.compared:
            found[str(cell.label_a), str(cell.label_b)] += cell.posts
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    @property
    def costs(self) -> tuple[Cost, Cost]:
        """Return what judging the pairs cost each side."""
        return (
            sum((cell.cost_a for cell in self.compared), Cost()),
            sum((cell.cost_b for cell in self.compared), Cost()),
        )

    @property
    def policies_of_one_side(self) -> tuple[list[str], list[str]]:
        """Return the policies that only A decided by, and those that only B did."""
        a = {cell.policy_id for cell in self.cells if cell.label_a is not None}
        b = {cell.policy_id for cell in self.cells if cell.label_b is not None}
        return sorted(a - b), sorted(b - a)


def _breakdown(by: str, cells: Iterable[Cell], name: Callable[[Cell], str]) -> Breakdown:
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(name(cell), []).append(cell)
    found = [_group(key, of_group) for key, of_group in groups.items()]
    found.sort(key=lambda g: (-g.flips.gained - g.flips.lost, -g.flips.pairs, g.name))
    return Breakdown(by, tuple(found))


def _group(name: str, cells: Sequence[Cell]) -> Group:
    return Group(
        name,
        Flips(
            gained=sum(cell.posts for cell in cells if cell.gained),
            lost=sum(cell.posts for cell in cells if cell.lost),
            pairs=sum(cell.posts for cell in cells if cell.decided),
        ),
        unsure=sum(cell.posts for cell in cells if not cell.decided),
    )


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
