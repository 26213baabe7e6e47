import uuid

import pytest


@pytest.fixture
def run():
    """The name of a run that no other test has."""
    return f"run-{uuid.uuid4().hex[:8]}"
