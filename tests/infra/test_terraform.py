"""The modules for Google Cloud, as a parser reads them: no provider was there to plan with."""

import json
import re

import pytest

from weir.infra.checks.checkers import INFRA, terraform
from weir.pipelines.artefacts.flex_template import metadata

TEXT = "\n".join(f.read_text("utf-8") for f in sorted((INFRA / "terraform").glob("*.tf")))
# What each account, analyst or pod may be given.
ROLES = {
    "bigquery.dataEditor",
    "bigquery.dataViewer",
    "bigquery.jobUser",
    "dataflow.worker",
    "iam.workloadIdentityUser",
    "storage.objectUser",
    "storage.objectViewer",
    "artifactregistry.reader",
    "secretmanager.secretAccessor",
}
OF_THE_PROJECT = {"bigquery.jobUser", "dataflow.worker"}  # none of them reaches data


def plain(value):
    """Return what the parser gives without the quotes that it keeps."""
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items() if not k.startswith("__")}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.strip('"') if isinstance(value, str) else value


@pytest.fixture(scope="module")
def modules():
    return plain(list(terraform(INFRA).values()))


def blocks(modules, kind):
    """Return the blocks of a kind by their names."""
    return {n: b for module in modules for each in module.get(kind, []) for n, b in each.items()}


def resources(modules, kind):
    found = [each for module in modules for each in module.get("resource", []) if kind in each]
    return {name: body for each in found for name, body in each[kind].items()}


def test_every_variable_is_described_typed_and_checked(modules):
    variables = blocks(modules, "variable")
    assert len(variables) > 8
    for name, body in variables.items():
        assert body["description"], name
        assert body["type"], name
        (check,) = body["validation"]
        assert f"var.{name}" in check["condition"]
        assert check["error_message"].endswith(".")


def test_what_is_used_is_declared_and_what_is_declared_is_used(modules):
    declared = set(blocks(modules, "variable"))
    used = set(re.findall(r"\bvar\.(\w+)", TEXT))
    assert used == declared
    made = {
        f"{kind}.{name}"
        for module in modules
        for each in module.get("resource", [])
        for kind, bodies in each.items()
        for name in bodies
    }
    named = set(re.findall(r"\b((?:google_\w+|terraform_data)\.\w+)", TEXT)) - {
        "google_project.here"
    }
    assert named <= made


def test_an_account_gets_the_least_rights(modules):
    given = set(re.findall(r'"roles/([\w.]+)"', TEXT))
    assert given == ROLES
    on_the_project = resources(modules, "google_project_iam_member").values()
    assert {each["role"].removeprefix("roles/") for each in on_the_project} == OF_THE_PROJECT
    assert not re.search(r"iam_(binding|policy)\"", TEXT)  # which take from others what they have
    assert not re.search(r"allUsers|allAuthenticatedUsers", TEXT)


def test_no_value_of_a_secret_stands_in_a_module_or_its_state(modules):
    assert resources(modules, "google_secret_manager_secret")
    assert not resources(modules, "google_secret_manager_secret_version")
    assert not re.search(r"secret_data|password\s*=|private_key", TEXT)


def test_what_holds_data_is_private_and_does_not_go_by_accident(modules):
    buckets = resources(modules, "google_storage_bucket")
    assert len(buckets) == 2
    for bucket in buckets.values():
        assert bucket["public_access_prevention"] == "enforced"
        assert bucket["uniform_bucket_level_access"] is True
        assert bucket["force_destroy"] is False
    (dataset,) = resources(modules, "google_bigquery_dataset").values()
    assert dataset["delete_contents_on_destroy"] is False
    assert dataset["lifecycle"][0]["prevent_destroy"] is True


def test_tables_are_made_of_the_sql_that_the_command_has(modules):
    (tables,) = resources(modules, "terraform_data").values()
    assert "weir tables" in json.dumps(tables["provisioner"])
    assert '"{tables,views}/*.sql"' in TEXT
    assert list((INFRA / "bigquery").glob("tables/*.sql"))
    assert not re.search(r'"google_bigquery_table"', TEXT)


def test_the_job_on_dataflow_has_private_addresses_an_account_and_known_parameters(modules):
    (job,) = resources(modules, "google_dataflow_flex_template_job").values()
    assert job["ip_configuration"] == "WORKER_IP_PRIVATE"
    assert job["service_account_email"] == "${google_service_account.worker.email}"
    assert job["on_delete"] == "drain"
    known = {each["name"] for each in json.loads(metadata())["parameters"]}
    assert set(re.findall(r"(\w+)\s*=", job["parameters"])) <= known
    assert job["sdk_container_image"]


def test_an_image_is_pinned_by_digest_where_dataflow_runs_it(modules):
    check = blocks(modules, "variable")["dataflow"]["validation"][0]["condition"]
    assert "@sha256:" in check


def test_a_budget_warns_before_it_is_used(modules):
    (budget,) = resources(modules, "google_billing_budget").values()
    assert budget["dynamic"][0]["threshold_rules"]["for_each"] == [0.5, 0.9, 1.0]
    assert budget["threshold_rules"][0]["spend_basis"] == "FORECASTED_SPEND"
