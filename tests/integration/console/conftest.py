"""Reviewers of a run, and posts for them."""

import pytest

from tests.integration.console.reviewing import Reviewer
from tests.integration.stored import put
from tests.rows import screening, verdict
from weir.pipelines.console import gathering
from weir.pipelines.console.posts import search
from weir.pipelines.console.review import queues


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Let a page wait until all is known, on whatever machine."""
    for bounded in (gathering, search, queues):
        monkeypatch.setattr(bounded, "_PATIENCE", 300.0)


@pytest.fixture
def reviewer(bigquery, run):
    """Return a function that gives reviewers of the run, by their names."""
    return lambda name="ann": Reviewer(bigquery, run, name)


@pytest.fixture
def judged(bigquery, run):
    """Return a function that stores verdicts of spam, with their screenings."""

    def judged(*outcomes, first=0, **changes):
        offsets = range(first, first + len(outcomes))
        put(bigquery, "screenings", [screening(run, n, spam="escalate") for n in offsets])
        rows = [
            verdict(run, n, "spam", said, **({"text": f"post number {n}."} | changes))
            for n, said in zip(offsets, outcomes, strict=True)
        ]
        put(bigquery, "verdicts", rows)

    return judged
