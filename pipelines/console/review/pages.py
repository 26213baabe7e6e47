"""The pages of Review."""

from weir.pipelines.console.visit import Answer, Page, Shown, Visit


def show(visit: Visit) -> Answer:
    """Return the page."""
    return Shown("review/review.html.j2", {"run": visit.run})


PAGES = (Page("/review", show),)
