"""What the chart makes, and what it refuses to make."""

import re
from pathlib import Path

import pytest
import yaml

from tests.runners.images import ADDRESSES, BEAM_IN_THE_CHART, IN_THE_CHART
from weir.infra.checks.checkers import INFRA, SIZES, RefusedError, pods, rendered
from weir.pipelines.artefacts.values_schema import FILE, values_schema
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import JobOptions, read

SECRET = "WEIR_KAFKA_SASL_PASSWORD"


@pytest.fixture(scope="module", params=SIZES)
def made(request):
    return rendered(INFRA, request.param)


def of_kind(made, kind):
    return [each for each in made if each["kind"] == kind]


def configs(made):
    return [
        each["data"]["job.yaml"]
        for each in of_kind(made, "ConfigMap")
        if "job.yaml" in each["data"]
    ]


def test_a_job_is_one_that_weir_takes(made):
    assert configs(made)
    for text in configs(made):
        arguments = ConfigFile.parse(text.encode(), "job.yaml").arguments()
        JobOptions.of(read(Arguments.of(arguments).argv)[0])


def test_a_job_is_told_what_the_test_on_flink_tells_it(made):
    for text in configs(made):
        job = yaml.safe_load(text)
        beam = job.pop("beam")
        expected = IN_THE_CHART | ({} if job["stages"] == "all" else {"stages": job["stages"]})
        assert expected.items() <= job.items()
        assert BEAM_IN_THE_CHART.items() <= beam.items()
        assert set(ADDRESSES) <= set(beam)


def test_workers_and_submitters_are_started_as_the_test_on_flink_starts_them(made):
    for flink in of_kind(made, "FlinkDeployment"):
        workers = pods(flink)[1]["spec"]["containers"][1]
        assert workers["args"] == ["worker-pool", "--port=50000"]
        assert "command" not in workers
    for submitter in of_kind(made, "Deployment"):
        (container,) = submitter["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["weir", "run", "--config=/etc/weir/job.yaml"]


def test_each_job_keeps_its_checkpoints_in_a_folder_of_its_own(made):
    kept = [yaml.safe_load(text)["checkpoints"] for text in configs(made)]
    assert len(set(kept)) == len(kept)
    assert all(folder.startswith("gs://") for folder in kept)


def test_a_parallelism_is_the_number_of_slots_that_there_can_be():
    job = yaml.safe_load(configs(rendered(INFRA, "medium"))[0])
    assert job["beam"]["parallelism"] == 8


def test_the_judge_alone_has_a_card_and_the_image_with_vllm():
    flinks = {f["metadata"]["name"]: f for f in of_kind(rendered(INFRA, "gpu"), "FlinkDeployment")}
    screen, judge = (
        pods(flinks[f"weir-{n}"])[1]["spec"]["containers"][1] for n in ("screen", "judge")
    )
    assert judge["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "judge" in judge["image"]
    assert "nvidia.com/gpu" not in screen["resources"]["limits"]


def test_every_container_runs_without_rights(made):
    found = [t["spec"]["template"]["spec"] for t in of_kind(made, "Deployment")]
    found += [pod["spec"] for f in of_kind(made, "FlinkDeployment") for pod in pods(f)]
    assert found
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for each in [*pod["containers"], *pod.get("initContainers", [])]:
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_secret_reaches_a_container_from_a_secret_alone(made):
    text = yaml.safe_dump(made)
    assert SECRET not in text
    assert not of_kind(made, "Secret")
    for each in of_kind(made, "Deployment"):
        for container in each["spec"]["template"]["spec"]["containers"]:
            assert container["envFrom"] == [{"secretRef": {"name": "weir-secrets"}}]


def test_what_is_not_named_cannot_be_reached(made):
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(made, "NetworkPolicy")}
    closed = policies["weir-closed"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert not closed.get("ingress")
    assert not closed.get("egress")
    ports = {
        p["port"] for spec in policies.values() for i in spec.get("ingress", []) for p in i["ports"]
    }
    assert 50000 not in ports
    assert all(i["from"] for spec in policies.values() for i in spec.get("ingress", []))


def test_task_managers_are_disrupted_one_by_one(made):
    for flink in of_kind(made, "FlinkDeployment"):
        labels = pods(flink)[1]["metadata"]["labels"]
        budgets = [b["spec"] for b in of_kind(made, "PodDisruptionBudget")]
        mine = [b for b in budgets if b["selector"]["matchLabels"].items() <= labels.items()]
        assert [b["maxUnavailable"] for b in mine] == [1]


def test_the_judge_scales_by_the_seconds_of_work_that_wait():
    (scaled,) = of_kind(rendered(INFRA, "gpu"), "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["metadata"]["query"].startswith("weir:judge_waiting_seconds")
    assert scaled["spec"]["scaleTargetRef"]["name"] == "weir-judge"


REFUSED = {
    "a judge without a card": ("gpu", ["judge.gpus=0"], "judge.gpus is 0"),
    "cards that nobody uses": ("medium", ["judge.gpus=1"], "which uses no card"),
    "cards in the job that screens": ("small", ["job.engine=vllm"], "judge.enabled is false"),
    "no image with vllm": ("gpu", ["images.judge="], "images.judge is empty"),
    "no image": ("small", ["images.weir="], "images.weir is empty"),
    "no checkpoints": ("small", ["checkpoints="], "has lost where it was"),
    "checkpoints on a disk": ("small", ["checkpoints=file:///tmp/x"], "object storage"),
    "more slots than partitions": ("medium", ["screen.taskManagers=9"], "kafka.partitions is 16"),
    "a judge with more slots than partitions": (
        "gpu",
        ["judge.scaling.most=9"],
        "kafka.escalationPartitions is 8",
    ),
    "a scale upside down": ("gpu", ["judge.scaling.least=9"], "least is above most"),
    "an option that is none": ("small", ["job.bogus=1"], "'bogus' not allowed"),
    "an option with a wrong value": ("small", ["job.audit-rate=2"], "audit-rate"),
    "a password as an option": ("small", ["job.sasl-password=x"], "not allowed"),
    "a login in an address": ("small", ["job.endpoint-url=http://a:b@judge/v1"], "holds a login"),
    "a login without its password": ("small", ["secrets.name="], "WEIR_KAFKA_SASL_PASSWORD"),
    "tables of no project": ("small", ["job.bigquery-project="], "bigquery-project"),
    "what the chart says itself": ("small", ["job.stages=judge"], "'stages' not allowed"),
    "a digest that is none": ("small", ["images.weir=r/weir@sha256:12"], "images"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_values_that_cannot_work_are_refused_in_a_sentence(name):
    size, values, said = REFUSED[name]
    with pytest.raises(RefusedError, match=re.escape(said)):
        rendered(INFRA, size, *(f"--set={each}" for each in values))


def test_the_schema_of_values_has_the_options_of_today():
    assert FILE.read_text("utf-8") == values_schema(FILE.read_text("utf-8"))


def test_the_values_that_the_page_shows_are_taken(tmp_path):
    page = (Path(__file__).parents[2] / "docs/deployment.md").read_text("utf-8")
    (shown,) = re.findall(r"```yaml\n(# my.yaml\n.*?)```", page, re.DOTALL)
    (tmp_path / "my.yaml").write_text(shown, "utf-8")
    made = rendered(INFRA, "gpu", f"--values={tmp_path / 'my.yaml'}")
    judge = next(yaml.safe_load(text) for text in configs(made) if "stages: judge" in text)
    assert judge["model"] == "gs://my-bucket/gpt-oss-safeguard-20b"


def test_a_rotated_secret_restarts_whatever_reads_it():
    before, after = (rendered(INFRA, "gpu", f"--set=secrets.rotated={t}") for t in ("a", "b"))
    readers = [e["metadata"]["name"] for e in before if "secretRef" in yaml.safe_dump(e)]
    changed = [a["metadata"]["name"] for a, b in zip(before, after, strict=True) if a != b]
    assert set(readers) - set(changed) == {"weir-weir-audit"}  # which starts anew each time
