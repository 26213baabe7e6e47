"""The pages of Dead letters."""

from weir.pipelines.console.visit import Answer, Page, Shown, Visit


def show(visit: Visit) -> Answer:
    """Return the page."""
    return Shown("dead_letters/dead_letters.html.j2", {"run": visit.run})


PAGES = (Page("/dead-letters", show),)
