"""A question on its way: which rows of a post want its answer, and what came of it so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import xxhash

from weir.policies.group import Group
from weir.policies.policy import Policy
from weir.transforms.judge.budget import Candidate
from weir.transforms.judge.cache import Fingerprint
from weir.transforms.judge.engine import Completion, Request
from weir.transforms.judge.joint_questions import Escalated
from weir.transforms.judge.long_posts import Read
from weir.transforms.judge.rows import Row
from weir.transforms.records import Route

_NOT_URGENT = (Route.AUDIT, Route.BESIDE, Route.DEFERRED)
_LOTS = 0x6C6F7473  # another hash than the one that chose the audits


@dataclass(frozen=True)
class Asked:
    """One question about one post; it may take several requests."""

    rows: tuple[Escalated, ...]  # of one post: several where they are asked about together
    asks: Policy  # what is asked: a group, or the one row's policy at one of its efforts
    question: str  # the name of that, for the cache
    post: Fingerprint | None  # None where the cache has no say
    kept: float = 1.0
    unread: tuple[str, ...] = ()  # windows of a long post, that asked about first; none yet: ()
    tokens_cut: int = 0  # of the post, that are in no window
    read: Read | None = None  # what was said of the windows before
    first: Read | None = None  # what was said at the first effort
    spent: Read | None = None  # what came to nothing

    @property
    def equals(self) -> tuple[bytes, str] | None:
        """What the equal posts of a bundle have in common."""
        return None if self.post is None else (self.post.exact, self.question)

    @property
    def route(self) -> Route:
        """Return that of the most urgent of the rows."""
        routes = [route_of(each.row) for each in self.rows]
        return next((route for route in routes if route not in _NOT_URGENT), min(routes))

    @property
    def text(self) -> str:
        """Return the post."""
        return text_of(self.rows)

    @property
    def context(self) -> str | None:
        """Return what the post answers, where that is known."""
        return context_of(self.rows)

    @property
    def request(self) -> Request:
        """Return what is asked next."""
        offset = self.rows[0].row.batch["offset"][self.rows[0].row.number]
        name = f"{offset}-{self.asks.policy_id}"
        return Request(name, self.unread[0], self.asks, self.context)

    @property
    def candidate(self) -> Candidate:
        """Return how urgent it is, for a budget; the lot is the same when a bundle is retried."""
        draw = xxhash.xxh3_64_intdigest(lot(self.rows[0].row), _LOTS)
        urgent = [each.row for each in self.rows if route_of(each.row) not in _NOT_URGENT]
        rows = urgent or [self.rows[0].row]
        scores = [each.batch["score"][each.number].as_py() for each in rows]
        known = [score for score in scores if score is not None]
        return Candidate(self.route, max(known, default=None), draw)

    def name(self, policy: Policy) -> str:
        """Return the name of what is asked about one policy, for what keeps verdicts."""
        if isinstance(self.asks, Group):
            return self.asks.question(policy.policy_id)
        return self.question

    def of(self, rows: Sequence[Escalated]) -> "Asked":
        """Return the question for fewer, or other, of its rows: one alone is asked about alone."""
        if isinstance(self.asks, Group) and len(rows) == 1:
            return self.alone(rows[0])
        return replace(self, rows=tuple(rows))

    def alone(self, each: Escalated) -> "Asked":
        """Return one of the rows as it is asked about alone, in place of what the group says."""
        name = self.name(each.policy)
        return replace(self, rows=(each,), asks=each.policy.rungs[0], question=name, unread=())

    def climbing(self, first: Read) -> "Asked":
        """Return the one row as it is asked about at its policy's second effort."""
        asks = self.rows[0].policy.rungs[1]
        return replace(self, asks=asks, unread=(), read=None, first=first)


def text_of(rows: Sequence[Escalated]) -> str:
    """Return the post that rows are about."""
    row = rows[0].row
    text: str = row.batch["text"][row.number].as_py()
    return text


def context_of(rows: Sequence[Escalated]) -> str | None:
    """Return what the post that rows are about answers; a build from before it has none."""
    row = rows[0].row
    if "context" not in row.batch.schema.names:
        return None
    context: str | None = row.batch["context"][row.number].as_py()
    return context


def route_of(row: Row) -> Route:
    """Return why a row is judged."""
    return Route(row.batch["route"][row.number].as_py())


def lot(row: Row) -> bytes:
    """Return what is drawn by: position and policy, the same when a bundle is retried."""
    names = ("topic", "partition", "offset", "policy_id")
    joined = "\x00".join(str(row.batch[name][row.number]) for name in names)
    return joined.encode("utf-8", "surrogatepass")


def computed(completion: Completion) -> int | None:
    """Return the tokens that the engine had to compute, as far as it counted them."""
    if completion.tokens_in is None and completion.tokens_out is None:
        return None
    prompt = (completion.tokens_in or 0) - (completion.tokens_cached or 0)
    return max(0, prompt) + (completion.tokens_out or 0)
