"""The pages of Runs."""

from weir.pipelines.console.visit import Answer, Page, Shown, Visit


def show(visit: Visit) -> Answer:
    """Return the page."""
    return Shown("runs/runs.html.j2", {"run": visit.run})


PAGES = (Page("/runs", show),)
