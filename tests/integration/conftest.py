import uuid

import pytest
from xdist.scheduler import LoadScopeScheduling

# Their tests wait for processes of their own, or compute for long.
_LONG = ("stopping", "wheel", "groups", "ports", "stages", "benchmarks")
# The tests of the wheel wait for one demo.
_ANYWHERE = tuple(name for name in _LONG if name != "wheel")


def _is_of(nodeid: str, names: tuple[str, ...]) -> bool:
    return any(f"test_{name}.py" in nodeid for name in names)


class LongFirst(LoadScopeScheduling):
    """The tests of a file go to one worker, which has what they share; most long ones to any."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if _is_of(nodeid, _ANYWHERE) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    return LongFirst(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Who comes last to a long one would have the others wait.
    items.sort(key=lambda item: not _is_of(item.nodeid, _LONG))


def pytest_configure(config: pytest.Config) -> None:
    # Kafka's client leaves a socket of a consumer that it closes to the garbage collector, and
    # whichever test runs when that comes would fail for it.
    of_socket = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
    config.addinivalue_line("filterwarnings", of_socket)


@pytest.fixture
def run():
    """The name of a run that no other test has."""
    return f"run-{uuid.uuid4().hex[:8]}"
