"""A policy to begin with: a whole document in the form that the guide advises, for its writer."""

from importlib.resources import files

_ID, _TITLE, _RULE = "ticket-resale", '"Ticket resale"', "TR"
_RULE_LETTERS = 4


def draft(policy_id: str, title: str) -> tuple[str, str]:
    """Return ``policy.md`` and ``examples.csv`` of a policy that ``check`` finds nothing in.

    ``title`` is as YAML writes it. The draft is about something, the resale of tickets, so that
    each part shows what belongs there; and in shadow, so that nobody acts on it before it says
    what its writer means.
    """
    rule = "".join(each for each in policy_id.upper() if each.isalnum())[:_RULE_LETTERS]
    text, examples = (
        files(__package__).joinpath(name).read_text("utf-8")
        for name in ("policy.md", "examples.csv")
    )
    for number in "12":
        text, examples = (
            each.replace(f"{_RULE}{number}", f"{rule}{number}") for each in (text, examples)
        )
    return text.replace(_TITLE, title, 1).replace(_ID, policy_id), examples
