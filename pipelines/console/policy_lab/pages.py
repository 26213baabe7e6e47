"""The pages of Policies."""

from weir.pipelines.console.visit import Answer, Page, Shown, Visit


def show(visit: Visit) -> Answer:
    """Return the page."""
    return Shown("policy_lab/policy_lab.html.j2", {"run": visit.run})


PAGES = (Page("/policies", show),)
