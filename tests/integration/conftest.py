import uuid

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Kafka's client leaves a socket of a consumer that it closes to the garbage collector, and
    # whichever test runs when that comes would fail for it.
    of_socket = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    config.addinivalue_line("filterwarnings", of_socket)


@pytest.fixture
def run():
    """The name of a run that no other test has."""
    return f"run-{uuid.uuid4().hex[:8]}"
