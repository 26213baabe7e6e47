"""The directions in which the folders may import one another."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "infra": {"distribution", "errors", "infra"},
    "policies": {"distribution", "errors", "policies"},
    "transforms": {"distribution", "errors", "policies", "transforms"},
    "pipelines": {"distribution", "errors", "infra", "pipelines", "policies", "transforms"},
}


@cache
def modules(file: Path) -> list[str]:
    """Return the names below ``weir`` that a file imports, as ``transforms.records``."""
    names = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            # A package that is asked for a module of its own stands for that.
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name.removeprefix("weir.") for name in names if name.startswith("weir.")]


def imported(file: Path) -> set[str]:
    """Return the names below ``weir`` that a file imports, each by its first part."""
    return {name.split(".")[0] for name in modules(file)}


def room_of(module: str) -> str:
    """Return the folder in which a module is, or the module where it lies beside the folders."""
    path = ROOT.joinpath(*module.split("."))
    while not (path.is_dir() or path.with_suffix(".py").is_file()):
        path = path.parent
    file = path.with_suffix(".py")
    beside = file.is_file() and str(file.parent.relative_to(ROOT)) in MAY_IMPORT
    room = path if beside or path.is_dir() else path.parent
    return str(room.relative_to(ROOT))


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_lies_below_it(folder):
    wrong = {
        str(file.relative_to(ROOT)): sorted(imported(file) - MAY_IMPORT[folder])
        for file in (ROOT / folder).rglob("*.py")
    }
    assert {file: names for file, names in wrong.items() if names} == {}


def test_no_folders_import_each_other_in_a_circle():
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for file in (file for folder in MAY_IMPORT for file in (ROOT / folder).rglob("*.py")):
        here = room_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
        there = {room_of(module) for module in modules(file)}
        # A folder and one within it are one room.
        apart = [each for each in there if not f"{each}/".startswith(f"{here}/")]
        sorter.add(here, *(each for each in apart if not f"{here}/".startswith(f"{each}/")))
    sorter.prepare()  # graphlib.CycleError names the folders


def test_every_folder_is_described_to_whoever_comes_new():
    described = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    folders = {
        folder
        for top in MAY_IMPORT
        for file in (ROOT / top).glob("*/**/*")
        if file.is_file() and "__pycache__" not in file.parts
        for folder in file.relative_to(ROOT).parents[:-2]
    }
    of_policies = {"library", "published_sets"}  # whose folders are a policy each
    kept = {
        each for each in folders if of_policies.isdisjoint(each.parts[:-1]) and each.name != "poms"
    }
    assert len(kept) > 40
    assert [str(each) for each in sorted(kept) if f"{each.name}/`" not in described] == []


TELLS = re.compile(r"\b(PROGRESS\.(read|carry|hold|release)|WAITING\.(add|less))\b")


def test_the_ledger_and_the_backlog_are_told_in_accounts_alone():
    found = {
        str(file.relative_to(ROOT))
        for folder in MAY_IMPORT
        for file in (ROOT / folder).rglob("*.py")
        if TELLS.search(file.read_text("utf-8"))
    }
    assert found == {"transforms/accounts.py", "transforms/judge/accounts.py"}


def test_bigquery_is_asked_by_its_own_folder_alone():
    files = (ROOT / "pipelines").rglob("*.py")
    asking = re.compile(r"\.client\(\)|QueryParameter\(")
    found = [str(f.relative_to(ROOT)) for f in files if asking.search(f.read_text("utf-8"))]
    assert found == ["pipelines/bigquery/dataset.py"]


LONGEST = 400
WRITTEN = [*MAY_IMPORT, "tests", "docs", ".ci"]
GENERATED = {"docs/commands.md"}


def test_no_file_that_people_write_has_more_than_400_lines():
    found = {}
    for file in (file for folder in WRITTEN for file in (ROOT / folder).rglob("*")):
        name = str(file.relative_to(ROOT))
        if file.suffix in {".py", ".md", ".sql", ".j2", ".sh"} and name not in GENERATED:
            found[name] = len(file.read_text("utf-8").splitlines())
    assert len(found) > 500
    assert {name: lines for name, lines in found.items() if lines > LONGEST} == {}


SILENCED = re.compile(r"# (noqa|type: ignore)(?!\S*:? ?[\w\[\], -]*( - |  # )\S)")


def test_whoever_silences_a_check_says_why_on_the_same_line():
    files = [file for folder in (*MAY_IMPORT, "tests") for file in (ROOT / folder).rglob("*.py")]
    found = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if SILENCED.search(line)
    ]
    assert found == []
