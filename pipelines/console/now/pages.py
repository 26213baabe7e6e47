"""The pages of Now."""

from weir.pipelines.console.visit import Answer, Page, Shown, Visit


def show(visit: Visit) -> Answer:
    """Return the page."""
    return Shown("now/now.html.j2", {"run": visit.run})


PAGES = (Page("/now", show),)
