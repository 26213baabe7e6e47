"""The rooms of the console, in the order in which their links stand."""

from dataclasses import dataclass

from weir.pipelines.console.changes import pages as changes
from weir.pipelines.console.dead_letters import pages as dead_letters
from weir.pipelines.console.now import pages as now
from weir.pipelines.console.policy_lab import pages as policy_lab
from weir.pipelines.console.posts import pages as posts
from weir.pipelines.console.review import pages as review
from weir.pipelines.console.runs import pages as runs
from weir.pipelines.console.visit import Page


@dataclass(frozen=True)
class Room:
    """Some pages with one link, which leads to ``path``."""

    title: str
    path: str
    pages: tuple[Page, ...]
    key: str = ""  # that goes there, after g

    def has(self, address: str) -> bool:
        """Return whether an address, path and query, is that of a page in here."""
        return _place(address) in {_place(page.path) for page in self.pages if not page.changes}


def _place(address: str) -> str:
    return address.partition("?")[0].split("/")[1]


ROOMS = (
    Room("Now", "/now", now.PAGES, "n"),
    Room("Posts", "/posts", posts.PAGES, "p"),
    Room("Review", "/review", review.PAGES, "r"),
    Room("Policies", "/policies", policy_lab.PAGES, "l"),
    Room("Runs", "/runs", runs.PAGES, "u"),
    Room("Dead letters", "/dead-letters", dead_letters.PAGES, "d"),
    Room("Changes", "/changes", changes.PAGES, "c"),
)
