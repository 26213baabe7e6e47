"""How far people agree with each other, and with the judge."""

from weir.pipelines.console.reference import Reference
from weir.pipelines.console.review.queues import Asked
from weir.pipelines.console.visit import Answer, Page, Shown, Visit
from weir.pipelines.reviews.agreement import Pairs, confirmed, disputed, kappa, pairs_by_policy


def show(visit: Visit) -> Answer:
    """Return the page, whose figures come by themselves."""
    return Shown("review/agreement.html.j2", {"asked": Asked.of(visit, "second")})


def figures(visit: Visit) -> Answer:
    """Return the figures."""
    asked = Asked.of(visit, "second")
    with visit.dataset() as dataset:
        pairs = pairs_by_policy(dataset, asked.run, asked.since, asked.policy)
        settled = disputed(dataset, asked.run, asked.since, asked.policy)
        judged = confirmed(dataset, asked.run, asked.since, asked.policy)
    lines = [(policy_id, each, kappa(each)) for policy_id, each in pairs.items()]
    if len(pairs) > 1:
        together = sum(pairs.values(), Pairs())
        lines.append(("", together, kappa(together)))
    links = [
        (row, Reference(row["decision_id"], row["policy_id"], row["created_at"])) for row in settled
    ]
    values = {"asked": asked, "lines": lines, "disputed": links, "judged": judged}
    return Shown("review/agreement_figures.html.j2", values)


_ASKED = ("run", "policy", "since")
PAGES = (
    Page("/review/agreement", show, names=_ASKED),
    Page("/review/agreement/figures", figures, names=_ASKED),
)
