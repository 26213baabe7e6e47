import gc
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from hypothesis import HealthCheck, settings

from weir.infra.local import Emulator, bigquery_emulator, broker
from weir.infra.local.isolated import another_network, attempts, is_isolated

# Tests say nothing of time: a busy machine must not fail one.
settings.register_profile("weir", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("weir")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is imported stays: to look through it for garbage is a third of what an import costs."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _nobody_asks_the_network(request):
    """In a network of its own, as make runs them, a test fails that looked beyond loopback."""
    if not is_isolated():
        yield
        return
    if request.node.get_closest_marker("outside"):
        # In one of its own, for those beside it; who is not root may not, and counts nothing.
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(another_network())
            yield
        return
    before = attempts()
    yield
    assert attempts() == before, "this test, or one beside it, asked for what is not on loopback"


@pytest.fixture
def proxy_elsewhere(monkeypatch):
    """An environment in which everything should go by a proxy, which nobody answers as."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
        for spelling in (name, name.upper()):
            monkeypatch.setenv(spelling, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of an embedded broker, one for the whole session."""
    with broker() as bootstrap_servers:
        yield bootstrap_servers


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """The addresses of a BigQuery emulator, one for the whole session."""
    with bigquery_emulator() as addresses:
        yield addresses


@pytest.fixture(scope="session")
def bigquery(emulator):
    """Settings of a dataset with the tables made; give each test a run name of its own."""
    from weir.pipelines.bigquery.tables import create_tables
    from weir.transforms.write.bigquery.sink import BigQuerySettings

    settings = BigQuerySettings(
        project=emulator.project,
        dataset=f"weir_{uuid.uuid4().hex[:12]}",
        rest_endpoint=emulator.rest_endpoint,
        grpc_endpoint=emulator.grpc_endpoint,
    )
    create_tables(settings, create_dataset=True)
    return settings
