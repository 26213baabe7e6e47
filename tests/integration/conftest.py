import uuid

import pytest
from xdist.scheduler import LoadScopeScheduling

# Their tests wait for processes of their own, or compute for long.
_LONG = ("stopping", "wheel", "groups", "no_network", "ports", "stages", "benchmarks")


def _is_long(nodeid: str) -> bool:
    return any(f"test_{name}.py" in nodeid for name in _LONG)


class LongFirst(LoadScopeScheduling):
    """The tests of a file go to one worker, which has what they share; long ones to any."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if _is_long(nodeid) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return LongFirst(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Who comes last to a long one would have the others wait.
    items.sort(key=lambda item: not _is_long(item.nodeid))


def pytest_configure(config: pytest.Config) -> None:
    # Kafka's client leaves a socket of a consumer that it closes to the garbage collector, and
    # whichever test runs when that comes would fail for it.
    of_socket = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    config.addinivalue_line("filterwarnings", of_socket)


@pytest.fixture
def run():
    """The name of a run that no other test has."""
    return f"run-{uuid.uuid4().hex[:8]}"
