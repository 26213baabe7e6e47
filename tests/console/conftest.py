"""A console over the demo's data, and Debian's Chromium to open it in."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator

import pytest

from tests.console.browsing import Watched, chromium
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.setup import Setup
from weir.pipelines.demo import (
    TOPIC,
    Stack,
    days_since_the_first,
    fill,
    input_posts,
    moderate_once,
    stack_on,
    with_edit,
)
from weir.pipelines.options.judging import EndpointOptions, JudgeOptions
from weir.pipelines.settings.engines import engine_factory
from weir.policies.loading import LIBRARY, load_policies
from weir.transforms.decode import DecodeSettings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A post that would run, and ask a server, in five ways.
ATTACK = (
    "FREE MONEY click now <script>document.title='ran'</script>"
    "<img src='http://planted.example/a' onerror=\"document.title='ran'\">"
    "</style><link rel=stylesheet href='http://planted.example/b'>"
    "<svg onload=\"document.title='ran'\"></svg>"
    "<iframe src='http://planted.example/c'></iframe>\u202egnorw si siht"
)


@pytest.fixture(autouse=True)
def _nobody_asks_the_network():
    """Chromium looks whether there is IPv6; what a page asks for, ``page`` sees."""


@pytest.fixture(scope="session")
def stack(kafka, emulator) -> Stack:
    """The demo's data and one hostile post, as the runs ``demo`` and ``demo-edited``."""
    made = stack_on(kafka, emulator, f"weir_{uuid.uuid4().hex[:12]}")
    hostile = json.dumps({"id": "hostile", "author": "mallory", "text": ATTACK}).encode()
    posts = input_posts(None, DecodeSettings()).messages
    fill(made, [*posts, (None, hostile)])
    with_edit(made, moderate_once(made, []))
    return made


@pytest.fixture(scope="session")
def setup(stack, tmp_path_factory) -> Setup:
    """What the console looks at; its folder of policies is a copy."""
    policies = tmp_path_factory.mktemp("console") / "policies"
    shutil.copytree(LIBRARY, policies)
    return Setup(
        bigquery=stack.bigquery,
        access=OnLoopback("ada"),
        kafka=stack.kafka,
        policies=str(policies),
        run="demo",
        days=days_since_the_first(stack, "demo"),
        topics=(TOPIC,),
        engine=engine_factory(JudgeOptions(), EndpointOptions(), load_policies(str(policies))),
    )


@pytest.fixture(scope="session")
def console(setup) -> Iterator[str]:
    """The address of the console, with a slash at its end."""
    with console_beside(setup) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Chromium, one for the session; CI has it."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("there is no chromium on the PATH")
        pytest.skip("needs chromium on the PATH")
    with chromium(CHROMIUM) as started:
        yield started


class Opener:
    """Opens pages, and notes what any of them complains of."""

    def __init__(self, browser, console):
        self._browser, self._console, self._contexts = browser, console, []
        self.watched = Watched(console)

    def __call__(self):
        context = self._browser.new_context(base_url=self._console)
        self._contexts.append(context)
        return self.watched.watch(context.new_page())

    def close(self):
        for context in self._contexts:
            context.close()


@pytest.fixture
def open_page(browser, console):
    """Open a page; a test fails at its end for what any of them complained of.

    Who expects a complaint clears ``open_page.watched.faults``.
    """
    opener = Opener(browser, console)
    yield opener
    opener.close()
    assert not opener.watched.faults, opener.watched.faults


@pytest.fixture
def page(open_page):
    """A page of a browser; addresses such as ``/now`` are the console's."""
    return open_page()
