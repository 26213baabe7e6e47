"""A policy that somebody has written: the template, with words of their own in all of it."""

import re

from weir.policies.draft import begin

_SAFE = "- A swap of tickets"
_OWN = {
    "on the resale of tickets": "on the trade in tickets",
    "by a ticket that was not": "by one that was not",
    "Selling tickets in bulk above": "Selling tickets in bulk over",
    "Offering copies of tickets, or": "Offering copies of tickets and",
}


def written(policy_id, title=None):
    """Return a document and its examples."""
    document, examples = begin(policy_id, title)
    document = document.replace(_SAFE, f"- Tickets that were found and are returned.\n{_SAFE}")
    for template, own in _OWN.items():
        assert template in document
        document = document.replace(template, own)
    return re.sub("^- ", "- Our ", document, flags=re.MULTILINE), re.sub(
        r"^\"", '"Look: ', examples, flags=re.MULTILINE
    )
