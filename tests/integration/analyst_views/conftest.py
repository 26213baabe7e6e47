import uuid

import pytest

from tests.integration.analyst_views.cases import (
    drawn,
    store,
)


@pytest.fixture(scope="module")
def world(bigquery):
    """Return two runs over the same posts as they are stored, and what happened in them."""
    run = f"run-{uuid.uuid4().hex[:8]}"
    runs = {run: drawn(1), f"{run}-b": drawn(2, share=1.0)}
    for name, share in zip(runs, (0.5, 1.0), strict=True):
        store(bigquery, name, runs[name], share)
    return runs


@pytest.fixture(params=["first", "second"])
def one(request, world):
    """Return each run with its pairs."""
    return list(world.items())[request.param == "second"]
