"""Every checker says so where there is something to say: each fault is planted in a copy."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from weir.infra.checks import checkers

TEMPLATES = "kubernetes/weir/templates"


@dataclass(frozen=True)
class Fault:
    """A text of a file that is replaced, who has to notice, and what it says."""

    file: str
    old: str
    new: str
    notices: Callable[[Path], Iterable[object]]
    says: str


FAULTS = {
    "packages without versions and without a word why": Fault(
        "images/judge.Dockerfile",
        "# hadolint ignore=DL3008\n",
        "",
        checkers.dockerfiles,
        "DL3008",
    ),
    "a container that is root in the end": Fault(
        "images/cpu.Dockerfile", "USER 10001", "USER root", checkers.dockerfiles, "DL3002"
    ),
    "an instruction that is none": Fault(
        "images/cpu.Dockerfile",
        "WORKDIR /weir",
        "WORKDR /weir",
        checkers.dockerfiles,
        "unexpected 'W'",
    ),
    "a workflow with an unknown context": Fault(
        "ci/github-actions.yml",
        "secrets.JUDGE_KEY",
        "secret.JUDGE_KEY",
        checkers.workflows,
        "secret",
    ),
    "a template that is no template": Fault(
        f"{TEMPLATES}/config.yaml", "{{- end }}", "{{- ende }}", checkers.chart, "ende"
    ),
    "a value that the schema does not know": Fault(
        "kubernetes/weir/values-gpu.yaml", "  gpus: 1", "  gpu: 1", checkers.chart, "gpu"
    ),
    "a misspelt field of a deployment": Fault(
        f"{TEMPLATES}/submitters.yaml",
        "terminationGracePeriodSeconds",
        "terminationGracePeriod",
        checkers.manifests,
        "terminationGracePeriod",
    ),
    "a misspelt field of Flink's deployment": Fault(
        f"{TEMPLATES}/flink.yaml", "flinkVersion:", "flinkVer:", checkers.manifests, "flinkVer"
    ),
    "a number where Flink's settings are texts": Fault(
        f"{TEMPLATES}/flink.yaml", '"6124"', "6124", checkers.manifests, "blob.server.port"
    ),
    "a misspelt field of a pod that the operator makes": Fault(
        f"{TEMPLATES}/flink.yaml", "startupProbe:", "startProbe:", checkers.manifests, "startProbe"
    ),
    "a policy of the network without pods": Fault(
        f"{TEMPLATES}/network.yaml",
        "podSelector:\n",
        "podSelectors:\n",
        checkers.manifests,
        "podSel",
    ),
    "a rule that is no expression": Fault(
        "prometheus/rules.yaml", "deriv(sum", "deriv((sum", checkers.rules, "parse error"
    ),
    "a threshold that was moved": Fault(
        "prometheus/rules.yaml", "> 0.25", "> 0.75", checkers.rules, "WeirIndeterminateShare"
    ),
    "a rule that says nothing": Fault(
        "prometheus/rules.yaml", "weir_lost_messages_total", "weir_lost", checkers.rules, "Lost"
    ),
    "a module that is badly laid out": Fault(
        "terraform/storage.tf",
        "  uniform_bucket_level_access = true",
        "  uniform_bucket_level_access=true",
        checkers.terraform_format,
        "storage.tf",
    ),
    "a module that is no HCL": Fault(
        "terraform/budget.tf", "  amount {", "  amount [", checkers.terraform, "Unexpected"
    ),
    "a scaling without a trigger": Fault(
        f"{TEMPLATES}/scaling.yaml", "  triggers:", "  triggered:", checkers.manifests, "triggered"
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(infra, name):
    fault = FAULTS[name]
    file = infra / fault.file
    text = file.read_text("utf-8")
    assert fault.old in text
    file.write_text(text.replace(fault.old, fault.new), "utf-8")
    try:
        said = "\n".join(map(str, fault.notices(infra)))
    except (checkers.RefusedError, ValueError) as error:
        said = str(error)
    assert fault.says in said


def test_enough_faults_are_planted_to_trust_what_is_not_noticed():
    assert len(FAULTS) >= 10
