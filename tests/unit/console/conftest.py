"""A folder with one policy, and what is stored of changes."""

import pytest

from tests.unit.console.visits import Stored
from weir.pipelines.console.policy_lab.front_matter import with_status
from weir.policies.draft import begin
from weir.policies.policy import Status


@pytest.fixture
def policies(tmp_path):
    """A folder with one policy in force."""
    document, examples = begin("tickets", "Tickets")
    place = tmp_path / "policies/tickets"
    place.mkdir(parents=True)
    (place / "policy.md").write_text(with_status(document, Status.ACTIVE))
    (place / "examples.csv").write_text(examples)
    return tmp_path / "policies"


@pytest.fixture
def stored():
    return Stored()
