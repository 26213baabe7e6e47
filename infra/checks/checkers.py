"""Each check of the files below infra/: a function from their folder to what is wrong, in lines."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from weir.infra.checks.tools import kubernetes_schemas, program, python_path

INFRA = Path(__file__).parents[1]
CHART = "kubernetes/weir"
SIZES = ("small", "medium", "gpu")
# What a person has to give beside a size, and beside one whose judge is a server.
GIVEN = "checks/given-values.yaml"
_SERVER = "--set=job.endpoint-url=https://judge.example:8443/v1"
_SAID = 1000  # characters of a parser's complaint
_REFERENCE = re.compile(r'"#/\$defs/([^"]+)"')


def dockerfiles(infra: Path) -> list[str]:
    """Return what hadolint says of the images' files."""
    files = sorted((infra / "images").glob("*.Dockerfile"))
    return _said([program("hadolint"), *map(str, files)])


def workflows(infra: Path) -> list[str]:
    """Return what actionlint says of the workflow for a team's own policies."""
    # The other programs that it would ask may be there or not, and say other things by version.
    return _said(
        [program("actionlint"), "-shellcheck=", "-pyflakes=", str(infra / "ci/github-actions.yml")]
    )


def chart(infra: Path) -> list[str]:
    """Return what helm says of the chart with each size."""
    helm = [program("helm"), "lint", "--strict", "--quiet", str(infra / CHART)]
    return [line for size in SIZES for line in _said([*helm, *_values(infra, size)])]


def rendered(infra: Path, size: str, *more: str) -> list[dict[str, Any]]:
    """Return the manifests of a size; RefusedError where helm refuses the values."""
    return rendered_of(infra, [*_values(infra, size), *more])


def rendered_of(infra: Path, values: Iterable[str]) -> list[dict[str, Any]]:
    """Return the manifests of values as helm takes them; RefusedError where it refuses them."""
    helm = [program("helm"), "template", "weir", str(infra / CHART), *values]
    done = subprocess.run(helm, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        # Helm also tells of the links in the chart.
        said = [line for line in done.stderr.splitlines() if not line.startswith("level=INFO")]
        raise RefusedError("\n".join(said))
    return [each for each in yaml.safe_load_all(done.stdout) if each]


class RefusedError(Exception):
    """Helm makes no manifests of the values, for the reason given."""


def manifests(infra: Path) -> list[str]:
    """Return what kubeconform says of the manifests of each size, Flink's pods among them."""
    return [line for size in SIZES for line in misfits(infra, rendered(infra, size))]


def misfits(infra: Path, made: Sequence[dict[str, Any]]) -> list[str]:
    """Return what kubeconform says of manifests, and of the pods that Flink's operator makes."""
    schemas = infra / "kubernetes/schemas/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
    flinks = [each for each in made if each["kind"] == "FlinkDeployment"]
    every = [*made, *(pod for each in flinks for pod in pods(each))]
    with tempfile.TemporaryDirectory() as folder:
        _write_schemas({each["kind"] for each in every}, Path(folder))
        kubernetes = f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        command = [program("kubeconform"), "-strict", "-schema-location", kubernetes]
        text = yaml.safe_dump_all(every)
        return _said([*command, "-schema-location", str(schemas)], text)


def jobs(made: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the job.yaml of each job among manifests, by the name of its ConfigMap."""
    maps = [each for each in made if each["kind"] == "ConfigMap"]
    return {e["metadata"]["name"]: e["data"]["job.yaml"] for e in maps if "job.yaml" in e["data"]}


def pods(flink: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pods that the operator makes of a FlinkDeployment, as far as templates say."""
    base, made = flink["spec"].get("podTemplate", {}), []
    for part in ("jobManager", "taskManager"):
        of_part = flink["spec"][part].get("podTemplate", {})
        labels = {**_labels(base), **_labels(of_part)}
        name = f"{flink['metadata']['name']}-{part.lower()}"
        # The operator fills in the image, the command and the resources of the main container.
        spec = json.loads(json.dumps({**base.get("spec", {}), **of_part.get("spec", {})}))
        spec["containers"][0].setdefault("image", flink["spec"]["image"])
        metadata = {"name": name, "labels": labels}
        made.append({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    return made


def rules(infra: Path) -> list[str]:
    """Return what promtool says of the rules, and of their tests."""
    folder = infra / "prometheus"
    checked = _said(
        [program("promtool"), "check", "rules", "--lint-fatal", "rules.yaml"], at=folder
    )
    return checked + _said([program("promtool"), "test", "rules", "rules_test.yaml"], at=folder)


def queries(expressions: Iterable[str]) -> list[str]:
    """Return what promtool says of expressions."""
    records = [{"record": f"query:{n}", "expr": each} for n, each in enumerate(expressions)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "queries.yaml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": records}]}), "utf-8")
        return _said([program("promtool"), "check", "rules", "--lint=none", str(file)])


def terraform_format(infra: Path) -> list[str]:
    """Return what the formatter of HCL would write in another way, or cannot read."""
    files = sorted((infra / "terraform").glob("*.tf"))
    return [
        f"{file.name}: {line}"
        for file in files
        for line in _said([program("hclfmt"), "-require-no-change", str(file)])[:3]
    ]


def terraform(infra: Path) -> dict[str, Any]:
    """Return the modules of infra/terraform as a parser of HCL has them, by the name of the file.

    Raises ValueError for a file that it cannot read.
    """
    script = (
        "import hcl2, json, pathlib, sys;"
        "print(json.dumps({p.name: hcl2.loads(p.read_text('utf-8')) for p in"
        " sorted(pathlib.Path(sys.argv[1]).glob('*.tf'))}))"
    )
    done = subprocess.run(  # noqa: S603 - our own command, without a shell
        [sys.executable, "-c", script, str(infra / "terraform")],
        capture_output=True,
        text=True,
        env=dict(os.environ) | {"PYTHONPATH": str(python_path())},
        check=False,
    )
    if done.returncode:
        raise ValueError(done.stderr[-_SAID:].strip())
    return dict(json.loads(done.stdout))


def _labels(template: Mapping[str, Any]) -> dict[str, str]:
    return dict(template.get("metadata", {}).get("labels", {}))


def _write_schemas(kinds: Iterable[str], folder: Path) -> None:
    """Write the schema of each kind with all that it refers to, which kubeconform cannot follow."""
    source = kubernetes_schemas()
    definitions = json.loads((source / "_definitions.json").read_text("utf-8"))["$defs"]
    for kind in kinds:
        for file in source.glob(f"{kind.lower()}-*.json"):
            text = file.read_text("utf-8").replace("/api/_definitions.json#", "#")
            needed: dict[str, Any] = {}
            todo = _REFERENCE.findall(text)
            while todo:
                if (name := todo.pop()) not in needed:
                    needed[name] = definitions[name]
                    todo += _REFERENCE.findall(json.dumps(definitions[name]))
            schema = json.dumps(json.loads(text) | {"$defs": needed})
            (folder / file.name).write_text(schema, "utf-8")


def _values(infra: Path, size: str) -> list[str]:
    files = (infra / CHART / f"values-{size}.yaml", infra / GIVEN)
    given = [f"--values={file}" for file in files]
    return given if size == "gpu" else [*given, _SERVER]


def _said(command: Sequence[str], text: str | None = None, at: Path | None = None) -> list[str]:
    """Return the lines that a checker that fails prints; none of one that succeeds."""
    done = subprocess.run(  # noqa: S603 - our own command, without a shell
        command, input=text, capture_output=True, text=True, cwd=at, check=False
    )
    if not done.returncode:
        return []
    said = f"{done.stdout}{done.stderr}".splitlines()
    return [line for line in said if line.strip()] or [f"{Path(command[0]).name} failed"]
