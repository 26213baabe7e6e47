"""The directions in which the folders may import one another."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "infra": {"distribution", "errors", "infra"},
    "policies": {"distribution", "errors", "policies"},
    "transforms": {"distribution", "errors", "policies", "transforms"},
    "pipelines": {"distribution", "errors", "infra", "pipelines", "policies", "transforms"},
}


def imported(file: Path) -> set[str]:
    """Return the names below ``weir`` that a file imports, each by its first part."""
    names = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("weir.")}


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_lies_below_it(folder):
    wrong = {
        str(file.relative_to(ROOT)): sorted(imported(file) - MAY_IMPORT[folder])
        for file in (ROOT / folder).rglob("*.py")
    }
    assert {file: names for file, names in wrong.items() if names} == {}


# Of files that people write: what is generated says so in its first line.
LONGEST = 400
WRITTEN = [*MAY_IMPORT, "tests", "docs", ".ci"]


def lines_of(file: Path) -> int:
    first, *rest = file.read_text("utf-8").splitlines() or [""]
    return 0 if "Written by" in first else 1 + len(rest)


def test_no_file_has_more_than_400_lines():
    files = [file for folder in WRITTEN for file in (ROOT / folder).rglob("*.[pmsj]*")]
    sources = [f for f in files if f.suffix in {".py", ".md", ".sql", ".j2", ".sh"} and f.is_file()]
    assert len(sources) > len(WRITTEN)
    found = {str(f.relative_to(ROOT)): n for f in sources if (n := lines_of(f)) > LONGEST}
    assert found == {}
