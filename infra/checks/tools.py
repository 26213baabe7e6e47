"""The programs that check the files below infra/: fetched once, and found in a cache from then on.

``python -m weir.infra.checks.tools`` fetches what is missing. From sources: helm, kubeconform,
actionlint and hclfmt, which Go builds; from the index of Python's packages: hadolint, a parser of
HCL and the schemas of Kubernetes; promtool from PATH, or of Debian's package ``prometheus``.
"""

import hashlib
import os
import shutil
import sys
from functools import cache, partial
from pathlib import Path

from weir.infra.local.children import StackError
from weir.infra.local.downloads import cache_folder, call, fetch_folder, tool

FETCH = "python -m weir.infra.checks.tools"  # what ``make check-infra`` runs first
KUBERNETES_VERSION = "1.33.0"  # whose schemas the manifests are held to

_GO = {
    "helm": "helm.sh/helm/v4/cmd/helm@v4.3.1",
    "kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
    "hclfmt": "github.com/hashicorp/hcl/v2/cmd/hclfmt@v2.24.0",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
}
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@cache
def program(name: str) -> str:
    """Return the path of a checker; StackError where it was not fetched."""
    if name == "promtool":
        found = shutil.which(name) or str(_promtool() / name)
    elif name in _GO:
        found = str(_of_go(name) / name)
    else:
        found = str(_python() / "bin" / name)
    if not Path(found).exists():
        raise StackError(f"{name} was not fetched: run `{FETCH}` once; it needs Go and apt-get.")
    return found


def python_path() -> Path:
    """Return the folder of the parser of HCL, for PYTHONPATH."""
    return _python()


def kubernetes_schemas() -> Path:
    """Return the folder of Kubernetes' schemas, one file a kind, which allow nothing beside."""
    folder = f"v{KUBERNETES_VERSION}-local-strict"
    return _python() / "kubernetes_validate" / "kubernetes-json-schema" / folder


def fetch() -> None:
    """Fetch every checker that is missing; StackError where one cannot be had."""
    for name, source in _GO.items():
        fetch_folder(_of_go(name), partial(_build, source))
    fetch_folder(_python(), _install)
    if shutil.which("promtool") is None:
        fetch_folder(_promtool(), _unpack)


def _build(source: str, folder: Path) -> None:
    call("Go", [tool("go", "Building a checker", "golang-go"), "install", source], _bin(folder))


def _bin(folder: Path) -> dict[str, str]:
    return {"GOBIN": str(folder), "CGO_ENABLED": "0"}


def _install(folder: Path) -> None:
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"]
    call("uv", [*uv, f"--target={folder}", f"--requirements={_REQUIREMENTS}"])


def _unpack(folder: Path) -> None:
    apt = tool("apt-get", "promtool, where it is not on PATH,", "prometheus")
    try:
        call("apt-get", [apt, "download", "prometheus"], folder=folder)
    except StackError:  # a new machine has no lists of packages
        call("apt-get", [apt, "update"])
        call("apt-get", [apt, "download", "prometheus"], folder=folder)
    (package,) = folder.glob("*.deb")
    call("dpkg-deb", ["dpkg-deb", "--extract", str(package), str(folder / "all")])
    (folder / "all/usr/bin/promtool").rename(folder / "promtool")
    shutil.rmtree(folder / "all")
    package.unlink()


def _of_go(name: str) -> Path:
    return cache_folder() / f"{name}-{_GO[name].rpartition('@')[2]}"


def _python() -> Path:
    content = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return cache_folder() / f"checkers-{sys.version_info.major}.{sys.version_info.minor}-{content}"


def _promtool() -> Path:
    return cache_folder() / "promtool"


def main() -> int:
    """Fetch everything; return the exit code."""
    try:
        fetch()
    except StackError as error:
        sys.stderr.write(f"{error}{os.linesep}")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
