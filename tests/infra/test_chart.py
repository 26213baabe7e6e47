"""What the chart makes, and what it refuses to make."""

import re
from pathlib import Path

import pytest
import yaml

from tests.runners.images import ADDRESSES, BEAM_IN_THE_CHART, IN_THE_CHART
from weir.infra.checks.__main__ import problems
from weir.infra.checks.checkers import (
    GIVEN,
    INFRA,
    SIZES,
    RefusedError,
    jobs,
    pods,
    rendered,
    rendered_of,
)
from weir.pipelines.artefacts.values_schema import FILE, options_schema, values_schema
from weir.pipelines.options.command_line import Arguments
from weir.pipelines.options.file import ConfigFile
from weir.pipelines.options.job import JobOptions, read

SECRET = "WEIR_KAFKA_SASL_PASSWORD"
HELP = Path(__file__).parents[2] / "pipelines/commands/help"


@pytest.fixture(scope="module", params=SIZES)
def made(request):
    return rendered(INFRA, request.param)


def of_kind(made, kind):
    return [each for each in made if each["kind"] == kind]


def test_a_job_is_one_that_weir_takes(made):
    assert jobs(made).values()
    for text in jobs(made).values():
        arguments = ConfigFile.parse(text.encode(), "job.yaml").arguments()
        JobOptions.of(read(Arguments.of(arguments).argv)[0])


def test_a_job_is_told_what_the_test_on_flink_tells_it(made):
    for text in jobs(made).values():
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
    kept = [yaml.safe_load(text)["checkpoints"] for text in jobs(made).values()]
    assert len(set(kept)) == len(kept)
    assert all(folder.startswith("gs://") for folder in kept)


def test_a_parallelism_is_the_number_of_slots_that_there_can_be():
    job = yaml.safe_load(jobs(rendered(INFRA, "medium"))["weir-screen"])
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


SECRETS = "in a Secret, whose name is secrets.name"
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
    "a scale upside down": ("gpu", ["judge.scaling.least=9"], "least is 9 and most 8"),
    "checkpoints that Weir cannot list": (
        "small",
        ["checkpoints=abfss://box@account.dfs.core.windows.net/weir"],
        "gs://bucket/weir or s3://bucket/weir",
    ),
    "checkpoints with their login": ("small", ["checkpoints=s3://id:key@bucket/weir"], "a login"),
    "a version of Flink that nobody can tell": (
        "small",
        ["images.flink=registry.example/flink:ours"],
        "tells no version of Flink",
    ),
    "options of a judge that is no job": (
        "small",
        ["judge.options.endpoint-model=m"],
        "judge.options says endpoint-model, but judge.enabled is false",
    ),
    "a dataset of one of two jobs": (
        "medium",
        ["screen.options.bigquery-dataset=other"],
        "write it as job.bigquery-dataset",
    ),
    "a setting of Flink's that is the chart's": (
        "small",
        ["flinkConfiguration.state\\.checkpoints\\.dir=x"],
        "the chart says this one itself",
    ),
    "a folder of two origins": (
        "small",
        ["pods.files.kafka.secret=a", "pods.files.kafka.configMap=b"],
        "give one of secret, configMap and tokenFor",
    ),
    "an option that is none": ("small", ["job.bogus=1"], "'bogus' not allowed"),
    "an option written another way": ("small", ["job.text_field=t"], "under a name with dashes"),
    "an option with a wrong value": ("small", ["job.audit-rate=2"], "audit-rate"),
    "a password as an option": ("small", ["job.sasl-password=x"], SECRETS),
    "a key among Beam's options": ("small", ["job.beam.s3-secret-access-key=x"], SECRETS),
    "a key in a pod's environment": ("small", ["pods.env.AWS_SECRET_ACCESS_KEY=x"], SECRETS),
    "a key among Flink's settings": ("small", ["flinkConfiguration.s3\\.secret-key=x"], SECRETS),
    "a token in a label": ("small", ["monitoring.labels.token=x"], SECRETS),
    "a password in an annotation": ("small", ["serviceAccount.annotations.password=x"], SECRETS),
    "a login in an address": ("small", ["job.endpoint-url=http://a:b@judge/v1"], "holds a login"),
    "a login in Prometheus' address": (
        "medium",
        ["judge.scaling.prometheus=http://a:b@prometheus:9090"],
        "holds a login",
    ),
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


MISSING = {
    "brokers": ("brokers", "job.brokers is missing"),
    "topics": ("topics", "job.topics is missing"),
    "an engine, so that a stand-in would judge": ("engine", "no engine is named"),
    "the address of an endpoint": ("endpoint-url", "write job.endpoint-url, such as https://"),
}


@pytest.mark.parametrize("name", MISSING)
def test_values_that_lack_what_a_job_needs_are_refused_in_a_sentence(tmp_path, name):
    option, said = MISSING[name]
    values = yaml.safe_load((INFRA / GIVEN).read_text("utf-8")) | {"kafka": {"partitions": 2}}
    values["job"] |= {"engine": "endpoint", "endpoint-url": "https://judge.example/v1"}
    del values["job"][option]
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values), "utf-8")
    with pytest.raises(RefusedError, match=re.escape(said)):
        rendered_of(INFRA, [f"--values={tmp_path / 'values.yaml'}"])


def test_no_option_of_a_job_is_taken_for_a_secret():
    options = options_schema()
    taken = re.compile("|".join(options["patternProperties"]))
    assert [name for name in options["properties"] if taken.search(name)] == []


ALL_GIVEN = {
    "pods": {
        "env": {"GOOGLE_APPLICATION_CREDENTIALS": "/mnt/google/credentials.json"},
        "files": {
            "kafka": {"secret": "certificates"},
            "google": {"configMap": "federation"},
            "identity": {"tokenFor": "audience"},
        },
    },
    "secrets": {"flink": "s3"},
    "flinkConfiguration": {"s3.path.style.access": "true"},
    "fold": {"schedule": "37 * * * *"},
    "network": {"ports": [4317]},
    "monitoring": {"labels": {"release": "monitoring"}},
    "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/weir"}},
}


def problems_of(tmp_path, values):
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values), "utf-8")
    sizes = INFRA / "kubernetes/weir/values-gpu.yaml"
    return problems([str(sizes), str(INFRA / GIVEN), str(file)])


def test_manifests_fit_with_everything_that_values_can_add(tmp_path):
    assert problems_of(tmp_path, ALL_GIVEN) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"judge": {"gpus": 0}}, "judge.gpus is 0"),
        ({"judge": {"nodeSelector": {"a b": "c"}, "tolerations": [{"kee": "v"}]}}, "kee"),
        ({"job": {"endpoint-url": "https://judge.example/v1"}}, "weir-judge.yaml: --endpoint-url"),
        ({"job": {"format": "avro"}}, "weir-screen.yaml: --format, --envelope and the field"),
    ],
    ids=["helm", "Kubernetes", "Weir", "a job's start"],
)
def test_values_of_a_person_are_checked_by_who_would_refuse_them(tmp_path, values, said):
    assert said in "\n".join(problems_of(tmp_path, values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"job": {"max-post-bytes": "lots"}}, ":2: max-post-bytes is 'lots'; give bytes from 1 to"),
        ({"job": {"topcis": "posts"}}, ":2: 'topcis' is not an option: did you mean topics?"),
        ({"judge": {"options": {"engin": "vllm"}}}, ":3: 'engin' is not an option: did you mean"),
        ({"screen": {"options": {"brokers": "kafka-1"}}}, ":3: brokers is 'kafka-1'; give HOST"),
    ],
)
def test_a_wrong_option_in_values_is_said_as_in_a_jobs_own_file(tmp_path, values, said):
    (found,) = problems_of(tmp_path, values)
    assert found.startswith(f"values.yaml{said}")


def test_what_a_pod_has_is_not_looked_for_on_this_machine(tmp_path):
    assert problems_of(tmp_path, {"job": {"policies": "/mnt/policies"}}) == []


def flinks(made):
    return [pods(each) for each in of_kind(made, "FlinkDeployment")]


@pytest.mark.parametrize("scheme", ["gs", "s3"])
def test_flink_reads_checkpoints_by_the_plugin_of_their_address(scheme):
    for pair in flinks(rendered(INFRA, "medium", f"--set=checkpoints={scheme}://bucket/weir")):
        for pod in pair:
            (plugins, *_) = pod["spec"]["containers"][0]["env"]
            assert plugins["value"] == f"flink-{scheme}-fs-hadoop-1.19.3.jar"


def test_the_version_of_flink_is_that_of_its_image():
    pinned = f"images.flink=registry.example:5000/flink:1.20.1-java17@sha256:{'0' * 64}"
    (flink,) = of_kind(rendered(INFRA, "small", f"--set={pinned}"), "FlinkDeployment")
    assert flink["spec"]["flinkVersion"] == "v1_20"


def test_no_container_begins_as_root(made):
    """Flink's image names no user: with ``runAsNonRoot`` alone the kubelet refuses to start it."""
    for pair in flinks(made):
        for pod in pair:
            assert pod["spec"]["containers"][0]["securityContext"]["runAsUser"] == 9999


def test_a_login_by_the_pods_own_account_needs_no_secret():
    made = rendered(INFRA, "small", "--set=job.sasl-mechanism=AWS_MSK_IAM", "--set=secrets.name=")
    assert "secretRef" not in yaml.safe_dump(made)


def test_pods_reach_the_ports_that_the_job_names_and_https():
    collector = "--set=job.traces-endpoint=http://collector:4318/v1/traces"
    ports = ("--set=job.brokers=a:9095\\,b:9096", "--set=network.ports={9094}", collector)
    policies = of_kind(rendered(INFRA, "medium", *ports), "NetworkPolicy")
    (out,) = [each["spec"] for each in policies if each["metadata"]["name"] == "weir-out"]
    (anywhere,) = [each["ports"] for each in out["egress"] if "to" not in each]
    assert [each["port"] for each in anywhere] == [443, 9095, 9096, 8443, 4318, 9094]


def containers(made):
    """Return the containers of every pod, each with its pod."""
    specs = [pod["spec"] for pair in flinks(made) for pod in pair]
    specs += [each["spec"]["template"]["spec"] for each in of_kind(made, "Deployment")]
    clocked = of_kind(made, "CronJob")
    specs += [each["spec"]["jobTemplate"]["spec"]["template"]["spec"] for each in clocked]
    return [
        (each, spec)
        for spec in specs
        for each in (*spec["containers"], *spec.get("initContainers", []))
    ]


def test_every_container_has_the_files_and_settings_that_are_given():
    given = ["pods.files.kafka.secret=ca", "pods.files.me.tokenFor=aud", "pods.env.A_B=c"]
    found = containers(rendered(INFRA, "gpu", *(f"--set={each}" for each in given)))
    assert found
    for container, pod in found:
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert (mounts["kafka"], mounts["me"]) == ("/mnt/kafka", "/mnt/me")
        assert {each["name"] for each in pod["volumes"]} >= set(mounts)
        assert {"name": "A_B", "value": "c"} in container["env"]


def test_flink_knows_no_secret_but_its_own():
    for pair in flinks(rendered(INFRA, "gpu", "--set=secrets.flink=s3")):
        for pod in pair:
            (flink, *_) = pod["spec"]["containers"]
            assert flink["envFrom"] == [{"secretRef": {"name": "s3"}}]


@pytest.mark.parametrize("command", ["screen audit", "fold"])
def test_what_runs_by_the_clock_is_a_command_of_weir(command):
    made = rendered(INFRA, "small", "--set=fold.schedule=37 * * * *")
    said = [c["args"] for c, _ in containers(made) if c["name"] == command.split()[-1]]
    ((_, *arguments),) = said
    assert arguments[: len(command.split())] == command.split()
    known = (HELP / f"{'-'.join(command.split())}.txt").read_text("utf-8")
    assert all(each.partition("=")[0] in known for each in arguments if each.startswith("--"))


def test_the_schema_of_values_has_the_options_of_today():
    assert FILE.read_text("utf-8") == values_schema(FILE.read_text("utf-8"))


def test_the_values_that_the_page_shows_are_taken(tmp_path):
    page = (Path(__file__).parents[2] / "docs/deployment.md").read_text("utf-8")
    (shown,) = re.findall(r"```yaml\n(# my.yaml\n.*?)```", page, re.DOTALL)
    (tmp_path / "my.yaml").write_text(shown, "utf-8")
    made = rendered(INFRA, "gpu", f"--values={tmp_path / 'my.yaml'}")
    judge = next(yaml.safe_load(text) for text in jobs(made).values() if "stages: judge" in text)
    assert judge["model"] == "gs://my-bucket/gpt-oss-safeguard-20b"


def test_a_rotated_secret_restarts_whatever_reads_it():
    before, after = (rendered(INFRA, "gpu", f"--set=secrets.rotated={t}") for t in ("a", "b"))
    readers = [e["metadata"]["name"] for e in before if "secretRef" in yaml.safe_dump(e)]
    changed = [a["metadata"]["name"] for a, b in zip(before, after, strict=True) if a != b]
    assert set(readers) - set(changed) == {"weir-weir-audit"}  # which starts anew each time
