"""Weir as it is installed: a wheel, in an environment and a folder that know no checkout."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_no_network import Alone, alone

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weir(tmp_path_factory) -> Path:
    """Return the command of a wheel, built and installed beside what this environment has."""
    folder = tmp_path_factory.mktemp("wheel")
    # What lies in the checkout's own build folder, of modules that are gone, would get in.
    (folder / "build.cfg").write_text(f"[build]\nbuild_base = {folder / 'build'}\n")
    uv = Path(sys.executable).with_name("uv")
    run(
        uv,
        "build",
        "--offline",
        "--quiet",
        "--wheel",
        "--no-build-isolation",
        "--out-dir",
        folder,
        ROOT,
        env={**os.environ, "DIST_EXTRA_CONFIG": str(folder / "build.cfg")},
    )
    (wheel,) = folder.glob("weir_moderation-*.whl")
    run(uv, "venv", "--offline", "--quiet", "--python", sys.executable, folder / "env")
    python = folder / "env" / "bin" / "python"
    run(uv, "pip", "install", "--offline", "--quiet", "--no-deps", "--python", python, wheel)
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # The dependencies, but not the checkout: a .pth that lies in a folder added so is not read.
    Path(packages.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python.with_name("weir")


def run(*command: object, **options: Any) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=800, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def demo(weir, tmp_path_factory) -> Alone:
    """Return what the demo did, outside the checkout and in a network of its own."""
    done = alone(weir, "demo", "--reading=off", "--json", cwd=tmp_path_factory.mktemp("outside"))
    assert done.code == 0
    return done


def test_the_demo_runs_outside_the_checkout_and_prints_nothing_but_json_where_asked(demo):
    counts = json.loads(demo.printed)
    assert counts["conservation"] == "ok"
    assert counts["messages"] == counts["screenings"]


def test_the_demo_asks_for_no_network(demo):
    assert demo.code_and_attempts == (0, 0)


def test_the_demo_is_on_loopback(demo):
    assert len(demo.listeners) >= 3  # Kafka's, and BigQuery's of REST and gRPC
    assert all(each.on_loopback for each in demo.listeners), sorted(demo.listeners)


def test_nothing_of_weir_stands_at_the_top_level_but_its_name(weir):
    asked = (
        "from importlib.util import find_spec; import weir; print(weir.__file__, "
        "[n for n in ('pipelines', 'transforms', 'policies', 'infra') if find_spec(n)])"
    )
    said = run(weir.with_name("python"), "-c", asked, cwd=weir.parent)
    assert said.endswith("[]\n")
    assert str(ROOT) not in said
