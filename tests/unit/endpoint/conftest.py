import pytest

from tests.scripted_server import (
    ScriptedServer,
)
from tests.unit.endpoint.cases import (
    CHAT,
    settings_of,
)
from weir.transforms.judge.endpoint.engine import EndpointEngine


@pytest.fixture
def server():
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def engine_of(server):
    """Make engines that ask the server, and close them."""
    engines = []

    def make(served=CHAT, **settings):
        engines.append(EndpointEngine(settings_of(server, **settings), served))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()
