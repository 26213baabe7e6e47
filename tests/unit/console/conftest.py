"""A folder with one policy, and what is stored of changes."""

import pytest
from starlette.testclient import TestClient

from tests.unit.console.made_up import ADA, NOWHERE, PAGES
from tests.unit.console.visits import Stored
from tests.written_policy import written
from weir.pipelines.console import web
from weir.pipelines.console.policy_lab.front_matter import with_status
from weir.pipelines.console.rooms import Room
from weir.pipelines.console.setup import Setup
from weir.policies.policy import Status


@pytest.fixture
def policies(tmp_path):
    """A folder with one policy in force."""
    document, examples = written("tickets", "Tickets")
    place = tmp_path / "policies/tickets"
    place.mkdir(parents=True)
    (place / "policy.md").write_text(with_status(document, Status.ACTIVE))
    (place / "examples.csv").write_text(examples)
    return tmp_path / "policies"


@pytest.fixture
def stored():
    return Stored()


@pytest.fixture
def client(monkeypatch):
    """A browser at a console of these pages, by who uses it."""
    monkeypatch.setattr(web, "ROOMS", (Room("Hello", "/hello", PAGES),))

    def at(access=ADA, base="http://127.0.0.1:8766", **more):
        app = web.application(Setup(NOWHERE, access, **more))
        return TestClient(app, base_url=base, follow_redirects=False)

    return at
