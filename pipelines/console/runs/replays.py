"""From a form to the arguments of ``weir replay``."""

import shutil
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from weir.pipelines.console.policy_lab.folder import DRAFT, DRAFT_EXAMPLES, Folder
from weir.pipelines.console.runs.processes import Asked
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import RefusedError, Visit
from weir.pipelines.monitoring.status import jobs_of_dataset
from weir.pipelines.options.option import text_of
from weir.pipelines.options.screening import require_run_name
from weir.pipelines.options.source import KafkaOptions
from weir.pipelines.replay.options import Request
from weir.policies import storage
from weir.policies.loading import DOCUMENT, EXAMPLES

DRY_RUN = "--dry-run"
OF_DEFERRED = "judging what was deferred"  # a run's name; the rows keep those of theirs
# Of the form, by the option that each stands for.
FIELDS = {
    "topics": "--topics",
    "start": "--from",
    "stop": "--to",
    "name": "--run",
    "policies": "--policies",
    "sample": "--sample",
    "budget": "--budget",
}


def defaults(setup: Setup) -> dict[str, str]:
    """Return what the form holds before anything is said."""
    return {
        "topics": ",".join(setup.topics),
        "start": "earliest",
        "stop": "latest",
        "name": "",
        "policies": setup.policies or "",
        "sample": "100%",
        "budget": "",
        "draft": "",
        "escalated_by": "",
        "accept_loss": "",
    }


def arguments_of(setup: Setup, said: Mapping[str, str]) -> tuple[str, ...]:
    """Return the arguments of ``weir replay``; OptionError or RefusedError where some are wrong."""
    for name, value in said.items():
        if "\0" in value:
            raise RefusedError(f"{name} holds a character that no option takes")
    own = [f"{option}={said[name].strip()}" for name, option in FIELDS.items() if said.get(name)]
    if said.get("escalated_by"):
        own += ["--only-escalated", f"--of={said['escalated_by'].strip()}"]
    if said.get("accept_loss"):
        own.append("--accept-loss")
    request, _ = Request.parse(own)
    require_run_name(request.run)
    return (*_services(setup), *setup.job, *own, "--yes")


def deferred_arguments(setup: Setup) -> tuple[str, ...]:
    """Return the arguments of ``weir run`` that judges what waits; RefusedError without brokers."""
    topics = {
        "--deferred-topic": setup.deferred_topic,
        "--dead-letter-topic": setup.dead_letter_topic,
        "--flagged-topic": setup.flagged_topic,
    }
    own = [f"{flag}={topic}" for flag, topic in topics.items()]
    policies = [f"--policies={setup.policies}"] if setup.policies else []
    ends = ("--source=deferred", "--stop=latest", f"--run={OF_DEFERRED}")
    return (*_services(setup), *setup.job, *policies, *own, *ends)


def with_draft(setup: Setup, policy_id: str, place: Path) -> str:
    """Return a copy of the folder of policies, in which a draft is in force, made at a place.

    RefusedError where there is no draft of the policy, or the folder is not on this machine.
    """
    folder = Folder.of(setup)
    if storage.is_remote(folder.path):
        raise RefusedError("A draft is replayed from a folder on this machine: copy it here")
    entry = folder.find(policy_id)
    if not entry.has_draft:
        raise RefusedError(f"{policy_id} has no draft: save one, or leave the field empty")
    if place.exists():
        shutil.rmtree(place)
    shutil.copytree(folder.path, place)
    for draft, name in ((DRAFT, DOCUMENT), (DRAFT_EXAMPLES, EXAMPLES)):
        if draft in entry.files:
            (place / entry.name / name).write_bytes(entry.files[draft])
    return str(place)


def _services(setup: Setup) -> list[str]:
    """Return how a job reaches what the console reaches; secrets stay in the environment."""
    if setup.kafka is None:
        raise RefusedError(
            "A replay reads topics, and this console knows no brokers: start it with --brokers "
            "HOST:PORT"
        )
    kafka = {"brokers": setup.kafka.bootstrap_servers} | {
        each.field: getattr(setup.kafka, each.field)
        for each in KafkaOptions.options()
        if each.field != "brokers"
    }
    named = {each.field: each.flag for each in KafkaOptions.options()}
    given = {
        "--bigquery-project": setup.bigquery.project,
        "--bigquery-dataset": setup.bigquery.dataset,
        "--bigquery-rest": setup.bigquery.rest_endpoint,
        "--bigquery-grpc": setup.bigquery.grpc_endpoint,
    } | {named[name]: value for name, value in kafka.items()}
    return [f"{flag}={text_of(value)}" for flag, value in given.items() if value is not None]


def jobs_of(setup: Setup, run: str) -> list[dict[str, Any]]:
    """Return the jobs of a run on this machine, whoever started them."""
    return [job for job in jobs_of_dataset(setup.bigquery.place) if job["run"] == run]


def asked_of(visit: Visit, what: str, arguments: tuple[str, ...], said: Mapping[str, str]) -> Asked:
    """Return a process to start; RefusedError where a terminal's of the same name runs here."""
    run = said["name"].strip()
    if jobs_of(visit.setup, run):
        raise RefusedError(
            f"{run} runs on this machine already: watch it, or give another name",
            HTTPStatus.CONFLICT,
        )
    return Asked(run, what, arguments, dict(said), visit.person.name, visit.now.isoformat())
