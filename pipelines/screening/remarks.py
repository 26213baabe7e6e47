"""What to know of a measurement: where it is not what was asked for, and what it cannot say."""

from collections.abc import Iterator

from weir.pipelines.screening.measure import Measured
from weir.policies.policy import PolicySet
from weir.transforms.screen.model import Screen
from weir.transforms.screen.thresholds.decide import StreamShares
from weir.transforms.screen.thresholds.group import YOUNG

_NEAR = 1.05  # times what was asked for: what chance alone adds in a thousand posts


def remarks(
    found: Measured, screen: Screen, policies: PolicySet, shares: StreamShares | None
) -> Iterator[str]:
    """Yield a sentence for each thing to know; ``shares`` are those that were measured with."""
    ids = [policy.policy_id for policy in policies.policies]
    heads = [policy_id for policy_id in ids if policy_id in screen.policy_ids]
    if without := [policy_id for policy_id in ids if policy_id not in heads]:
        yield (
            f"{', '.join(without)}: no head in this screen, so each post is counted here. A run "
            "gives a cold head as it starts, which is open for a share; only with --cold-start "
            "off, or where none can be fitted, all of the posts go to the judge."
        )
    seen = {head.policy_id: set(head.languages) for head in screen.selectivity}
    unseen = [
        (sum(each.name not in seen.get(head, {each.name}) for head in heads), each.name)
        for each in found.languages
    ]
    blind = [f"{count} of {len(heads)} of {name}" for count, name in unseen if count]
    if blind:
        yield (
            f"Heads that learned from no violating posts of a language: {', '.join(blind)}. What "
            "they find there is not known, nor the price of a point; they are audited twice as "
            "often there."
        )
    if shares is None:
        return
    asked = 1000 * shares.asked.total(len(heads))
    requests = sum(part.requests_per_1000 for part in found.policies if part.name in heads)
    if requests <= _NEAR * asked:
        return
    few = [each.name for each in found.languages if each.posts < YOUNG]
    certified = {each.policy_id for each in screen.certificates if each.certified}
    why = [
        few and f"fewer than {YOUNG} posts of {', '.join(few)}, and thresholds for each language",
        certified.intersection(heads) and "certified heads, which are open as their promise says",
        blind and "twice the audits in languages that heads have not seen",
        found.copies and "copies, which a run asks about once",
    ]
    said = (
        "; ".join(str(each) for each in why if each)
        or "chance: each half of the posts sets the other's thresholds"
    )
    yield f"More than the {asked:,.0f} that were asked for, by {said} (docs/screen.md)."
