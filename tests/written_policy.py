"""A policy that somebody has written: the template, with a criterion of their own."""

from weir.policies.draft import begin

_SAFE = "- A swap of tickets"


def written(policy_id, title=None):
    """Return a document and its examples."""
    document, examples = begin(policy_id, title)
    return document.replace(
        _SAFE, f"- Tickets that were found and are returned.\n{_SAFE}"
    ), examples
