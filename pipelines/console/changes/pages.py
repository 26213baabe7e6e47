"""The pages of Changes."""

from weir.pipelines.console.visit import Answer, Page, Shown, Visit


def show(visit: Visit) -> Answer:
    """Return the page."""
    return Shown("changes/changes.html.j2", {"run": visit.run})


PAGES = (Page("/changes", show),)
