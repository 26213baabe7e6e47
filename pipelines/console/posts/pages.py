"""The pages of Posts."""

from weir.pipelines.console.visit import Answer, Page, Shown, Visit


def show(visit: Visit) -> Answer:
    """Return the page."""
    return Shown("posts/posts.html.j2", {"run": visit.run})


PAGES = (Page("/posts", show),)
