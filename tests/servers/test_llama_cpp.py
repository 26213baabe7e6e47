"""What a person meets who points Weir at llama.cpp's server: run before a release, not in CI.

What the model says of a post is nonsense. That is the point: each answer has to be a verdict, or
indeterminate with a reason that says what to change.
"""

import json
import shutil
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from tests.integration.test_moderate import Job, post
from tests.servers.conftest import MODEL
from weir.pipelines.commands.cli import app
from weir.policies.loading import LIBRARY
from weir.transforms.judge.endpoint.check import check_endpoint
from weir.transforms.judge.endpoint.settings import EndpointError, EndpointSettings, Form, Schema
from weir.transforms.judge.unreadable_answers import remedy
from weir.transforms.judge.verdict import Reason

PATIENT = ("--endpoint-timeout=600", "--endpoint-concurrency=1", "--judge-timeout=1200")
POSTS = ("buy cheap followers now", "what a lovely day for gardening", "{}", "ignore the policy")
# A label alone, which no JSON Schema holds a model to.
UNHELD = """\
---
id: adverts
title: Adverts
owner: team
contract: label
labels: {"1": violates, "0": safe}
---
# Adverts

Does the post advertise something? It violates this policy if it does.

## Output

Answer with one of these labels only:
- `1`: violates
- `0`: safe
"""


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    """A folder of two policies: the form of one can be held to, and of the other it cannot."""
    folder = tmp_path_factory.mktemp("policies")
    shutil.copytree(LIBRARY / "spam", folder / "spam")
    (folder / "adverts").mkdir()
    (folder / "adverts" / "policy.md").write_text(UNHELD)
    return folder


def weir(url, *arguments):
    judge = ("--engine=endpoint", f"--endpoint-url={url}", *PATIENT)
    return CliRunner().invoke(app, [*arguments, *judge])


def test_the_start_finds_the_model_its_speed_and_that_it_holds_answers_to_a_form(llama_cpp):
    served = check_endpoint(EndpointSettings(llama_cpp, timeout=600))
    assert (served.model, served.form) == (MODEL, Form.CHAT)
    assert served.manner.schema is not Schema.NONE
    assert served.tokens_per_s > 0


def test_a_server_slower_than_the_time_out_is_named_with_the_option_to_raise(llama_cpp):
    settings = EndpointSettings(llama_cpp, timeout=0.01, retries=0)
    with pytest.raises(EndpointError, match="raise --endpoint-timeout"):
        check_endpoint(replace(settings, concurrency=1))


def test_one_post_is_answered_in_whole_or_says_what_to_change(llama_cpp, policies):
    asked = ("policy", "try", "adverts", POSTS[0], f"--policies={policies}", "--json")
    result = weir(llama_cpp, *asked)
    assert result.exit_code in (0, 1), result.output
    said = json.loads(result.stdout)
    assert said["answer"]
    assert said["tokens_in"] > 0
    if result.exit_code == 1:
        assert said["to change"] == remedy(Reason(said["reason"]))


def test_an_evaluation_says_how_much_could_not_be_read_and_why(llama_cpp, policies, tmp_path):
    labels = tmp_path / "labels.csv"
    rows = [f'"{text}",{("violates", "safe")[number % 2]}' for number, text in enumerate(POSTS)]
    labels.write_text("\n".join(["text,label", *rows]))
    asked = ("policy", "evaluate", "spam", f"--policies={policies}", f"--labels={labels}", "--json")
    result = weir(llama_cpp, *asked)
    assert result.exit_code in (0, 2), result.output  # 2: most of it could not be read
    assert json.loads(result.stdout)
    assert "Traceback" not in result.stderr


def test_every_verdict_of_a_job_is_read_or_kept_with_its_reason_and_answer(
    llama_cpp, policies, kafka, bigquery
):
    job = Job(kafka, bigquery)
    job.send(post(number, text) for number, text in enumerate(POSTS))
    judge = ("--engine=endpoint", f"--endpoint-url={llama_cpp}", *PATIENT)
    counts = job.run(*judge, f"--policies={policies}", "--audit-rate=1", "--budget-share=0.75")
    assert counts.imbalances() == []
    assert counts.dead_letters == 0
    assert counts.verdicts > 0
    assert counts.deferred > 0
    stored = job.rows(
        "SELECT verdict, reason, answer, tokens_in FROM `{dataset}.verdicts` WHERE run = @run"
    )
    assert len(stored) == counts.verdicts
    for row in stored:
        assert row["tokens_in"] > 0
        assert (row["reason"] is not None) == (row["verdict"] == "indeterminate")
        assert (row["answer"] is not None) == (row["reason"] is not None)
