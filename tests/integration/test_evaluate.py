"""A policy tested against a version that a run has recorded in BigQuery."""

import json
from contextlib import closing
from dataclasses import replace

import pytest
from google.cloud.bigquery import ScalarQueryParameter
from typer.testing import CliRunner

from tests.integration.stored import service
from weir.pipelines.bigquery.queries import execute
from weir.pipelines.commands.cli import app
from weir.pipelines.errors import OptionError
from weir.pipelines.evaluate.other_version import other_version
from weir.policies.loading import LIBRARY, load_policies

SPAM = load_policies(LIBRARY)["spam"]
OLD = replace(SPAM, text=SPAM.text + "\n- An old line.", examples=())


def record(settings, policy, version=None):
    """Write a policy as a run does that decides with it."""
    values = {
        "policy_version": version or policy.version,
        "policy_id": policy.policy_id,
        "title": policy.title,
        "owner": policy.owner,
        "effort": str(policy.effort),
        "contract": str(policy.contract),
        "text": policy.text,
        "labels": json.dumps(dict(policy.labels)),
        "rules": json.dumps(dict(policy.rules)),
    }
    names = ", ".join(values)
    dataset = f"{settings.project}.{settings.dataset}"
    with closing(settings.client()) as client:
        execute(
            client,
            f"INSERT INTO `{dataset}.policies` ({names}) "
            f"VALUES ({', '.join('@' + name for name in values)})",
            [ScalarQueryParameter(name, "STRING", value) for name, value in values.items()],
        )


def test_a_recorded_version_is_the_policy_that_it_was(bigquery):
    record(bigquery, OLD)
    found = other_version(OLD.version, SPAM, bigquery)
    assert found.version == OLD.version
    assert found == replace(OLD, status=found.status, grounds=found.grounds)


def test_a_version_that_cannot_be_made_again_is_refused(bigquery):
    record(bigquery, OLD, version="0123456789abcdef")
    with pytest.raises(OptionError, match="another version of Weir"):
        other_version("0123456789abcdef", SPAM, bigquery)


def test_a_version_of_another_policy_is_refused(bigquery):
    other = replace(OLD, policy_id="scams")
    record(bigquery, other)
    with pytest.raises(OptionError, match="is one of scams, not of spam"):
        other_version(other.version, SPAM, bigquery)


def test_a_version_that_no_run_has_used_ends_with_a_sentence_and_exit_code_2(bigquery):
    judge = ["--engine", "endpoint", "--against", "f" * 16]
    result = CliRunner().invoke(app, ["policy", "evaluate", "spam", *judge, *service(bigquery)])
    assert result.exit_code == 2
    assert "no run in" in result.stderr
    assert len(result.stderr.splitlines()) == 1
