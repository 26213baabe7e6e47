"""Kafka, a schema registry, Prism and Flink: fetched once (``make rig``), and kept in a cache.

``python -m weir.infra.local.downloads`` fetches what is missing.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from weir.infra.local.children import StackError

FETCH = "python -m weir.infra.local.downloads"  # what ``make rig`` runs

KAFKA_VERSION = "4.4.0"
REGISTRY_VERSION = "2.6.13.Final"  # of Apicurio; 3.3 needs Java 21, where Flink and Kafka take 17
PRISM_VERSION = "2.77.0"
FLINK_VERSION = "1.19"
FLINK_BEAM_VERSION = "2.70.0"  # of the job server; later ones are not to be had as thin jars

_POMS = Path(__file__).with_name("poms")
_PRISM_SOURCE = f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{PRISM_VERSION}"
_SECONDS = 1800.0  # for one download with its build
_SAID = 600  # characters of a tool's output in an error
_REGISTRY = f"io.apicurio:apicurio-registry-app:{REGISTRY_VERSION}:tar.gz:all"
_REGISTRY_JAR = f"apicurio-registry-app-{REGISTRY_VERSION}-runner.jar"
_COPY_ONE = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"


def cache_folder() -> Path:
    """Return where what was fetched is: $WEIR_CACHE, or ``weir`` in the user's cache.

    StackError where there is neither.
    """
    if named := os.environ.get("WEIR_CACHE"):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weir"
    except RuntimeError as error:
        raise StackError("There is no home directory: set WEIR_CACHE to a folder.") from error


def java() -> str:
    """Return the path of Java; StackError where there is none."""
    return tool("java", "Kafka and Flink", "openjdk-17-jre-headless")


def kafka_libraries() -> Path:
    """Return the folder of the broker's jars; StackError where it was not fetched."""
    return _fetched(_kafka(), "Apache Kafka")


def flink_jar() -> Path:
    """Return the jar that holds Flink and Beam's job server; StackError where not fetched."""
    return _fetched(_flink() / "flink-job-server.jar", "Flink")


def registry_jar() -> Path:
    """Return the jar that starts the schema registry; StackError where it was not fetched."""
    return _fetched(_registry() / _REGISTRY_JAR, "Apicurio's schema registry")


def prism_binary() -> Path:
    """Return Prism's binary, from PATH or the cache; StackError where it is in neither."""
    found = shutil.which("prism")
    return Path(found) if found else _fetched(_prism() / "prism", "Prism")


def fetch_kafka() -> Path:
    """Fetch the broker's jars from Maven Central where they are missing (43 MiB)."""

    def fill(folder: Path) -> None:
        mvn = tool("mvn", "Fetching Kafka", "maven")
        call(
            "Maven",
            [
                mvn,
                *_QUIET,
                f"--file={_POMS / 'kafka.xml'}",
                _COPY,
                "-DincludeScope=runtime",
                f"-DoutputDirectory={folder}",
            ],
        )

    return fetch_folder(_kafka(), fill)


def fetch_registry() -> Path:
    """Fetch Apicurio's schema registry from Maven Central where it is missing (142 MB)."""

    def fill(folder: Path) -> None:
        mvn = tool("mvn", "Fetching the schema registry", "maven")
        call(
            "Maven",
            [mvn, *_QUIET, f"-Dartifact={_REGISTRY}", f"-DoutputDirectory={folder}", _COPY_ONE],
        )
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()

    return fetch_folder(_registry(), fill) / _REGISTRY_JAR


def fetch_flink() -> Path:
    """Fetch Flink with Beam's job server from Maven Central where it is missing (160 MB)."""

    def fill(folder: Path) -> None:
        mvn = tool("mvn", "Fetching Flink", "maven")
        shutil.copy(_POMS / "flink.xml", folder / "pom.xml")
        call("Maven", [mvn, *_QUIET, f"--file={folder / 'pom.xml'}", "package"])
        (folder / "target" / "flink-job-server.jar").rename(folder / "flink-job-server.jar")
        shutil.rmtree(folder / "target")

    return fetch_folder(_flink(), fill) / "flink-job-server.jar"


def fetch_prism() -> Path:
    """Build Prism from its published source where it is missing (minutes, 66 MB)."""

    def fill(folder: Path) -> None:
        go = tool("go", "Building Prism", "golang-go")
        call("Go", [go, "install", _PRISM_SOURCE], {"GOBIN": str(folder)})

    return fetch_folder(_prism(), fill) / "prism"


def main() -> int:
    """Fetch everything; return the exit code."""
    try:
        for fetch in (fetch_kafka, fetch_registry, fetch_prism, fetch_flink):
            sys.stdout.write(f"{fetch()}\n")
            sys.stdout.flush()
    except StackError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


_QUIET = ("--quiet", "--batch-mode", "--no-transfer-progress")


def _kafka() -> Path:
    return cache_folder() / f"kafka-{KAFKA_VERSION}"


def _registry() -> Path:
    return cache_folder() / f"registry-{REGISTRY_VERSION}"


def _prism() -> Path:
    return cache_folder() / f"prism-{PRISM_VERSION}"


def _flink() -> Path:
    return cache_folder() / f"flink-{FLINK_VERSION}-beam-{FLINK_BEAM_VERSION}"


def fetch_folder(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return the folder, filled: all of it or nothing, whoever fetches it at the same time."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as parent:
        new = Path(parent) / folder.name
        new.mkdir()
        fill(new)
        if not folder.exists():
            new.rename(folder)
    return folder


def _fetched(path: Path, what: str) -> Path:
    if not path.exists():
        raise StackError(
            f"{what} was not fetched: {path} is missing. Run `{FETCH}` once; it needs Java, Maven "
            "and Go."
        )
    return path


def tool(name: str, what: str, package: str) -> str:
    """Return the path of a program; StackError names what needs it and Debian's package."""
    found = shutil.which(name)
    if found is None:
        raise StackError(f"{what} needs `{name}`, which is not on PATH; on Debian: {package}.")
    return found


def call(
    name: str,
    command: list[str],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a program in a folder, with more in its environment; StackError where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | dict(environment or {}),
            cwd=folder,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{name} was not done after {_SECONDS:.0f} seconds.") from error
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip()[-_SAID:]
        raise StackError(f"{name} ended with exit code {done.returncode}. It said: {said}")


if __name__ == "__main__":
    raise SystemExit(main())
