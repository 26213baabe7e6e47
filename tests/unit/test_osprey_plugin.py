"""The plug-in for Osprey in docs/integrations.md: Osprey's own modules are stand-ins here.

They have what its example_plugins use of them (roostorg/osprey, read on 2026-11-28).
"""

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Generic, TypeVar

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text("utf-8")
A = TypeVar("A")
R = TypeVar("R")


class UDFBase(Generic[A, R]):
    def execute(self, execution_context: Any, arguments: A) -> R:
        raise NotImplementedError


@pytest.fixture
def plugin(monkeypatch):
    """The names of the plug-in, run as it stands on the page."""
    there: dict[str, dict[str, Any]] = {
        "osprey.engine.executor.execution_context": {"ExecutionContext": object},
        "osprey.engine.udf.arguments": {"ArgumentsBase": object},
        "osprey.engine.udf.base": {"UDFBase": UDFBase},
        "osprey.worker.adaptor.plugin_manager": {"hookimpl_osprey": lambda function: function},
    }
    for name, names in there.items():
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(name))
        vars(sys.modules[name]).update(names)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict[str, Any] = {}
    exec(compile(code, "integrations.md", "exec"), made)
    return made


def test_a_rule_of_ospreys_is_told_a_score_of_the_screen(plugin):
    (udf,) = plugin["register_udfs"]()

    def score(text):
        return udf().execute(None, SimpleNamespace(text=text, policy="spam"))

    advert = "FREE entry! Win cash now, text WIN to 80086, claim your prize today"
    assert 0 <= score("See you at lunch, I bring the bread.") < score(advert) <= 1
