"""Policies edited in the console: in force in a running job, and in the tables that views read."""

import shutil
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.stored import put
from tests.integration.test_evaluate import record
from tests.integration.test_moderate import post
from tests.integration.test_stopping import Live
from tests.rows import NOON, verdict
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.policy_lab import (
    edit_pages,
    pages,
    save_pages,
    trial_pages,
    version_pages,
)
from weir.pipelines.console.policy_lab.folder import Folder
from weir.pipelines.console.policy_lab.typed import opened
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import Moved, RefusedError, Visit
from weir.pipelines.demo import query
from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Status

_SECONDS = 200.0


@pytest.fixture
def folder(tmp_path):
    """A folder of policies that holds the one on spam."""
    shutil.copytree(LIBRARY / "spam", tmp_path / "policies/spam")
    return tmp_path / "policies"


@pytest.fixture
def visit(bigquery, folder, run):
    """Return a function that gives a writer's visit, by its form, query and policy."""

    def visit(form=None, query=None, now=None, **path):
        setup = Setup(bigquery, OnLoopback(), policies=str(folder), run=run)
        person = Person("ada", Role.WRITER)
        at = {} if now is None else {"now": now}
        return Visit(setup, person, "/policies", path, query or {}, form or {}, **at)

    return visit


def form(folder, **changes):
    entry = Folder(str(folder)).find("spam")
    document, examples = opened(entry, drafted=False)
    made = {"document": document, "examples": examples, "stamp": entry.stamp, "then": "same"}
    return made | {"why": "it was unclear"} | changes


def waited(found):
    """Return what is found, once it is there."""
    deadline = time.monotonic() + _SECONDS
    while not (rows := found()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return rows


def test_an_edit_made_in_the_console_decides_in_a_job_that_runs(kafka, bigquery, folder, visit):
    job = Live(folder, kafka, bigquery)
    text = (folder / "spam/policy.md").read_text()
    with job.started("--audit-rate=1") as process:
        job.send([post(0, "buy cheap pills now")])
        job.wait_for(process, 1)
        edited = text.replace("policy on spam", "policy on unwanted promotion")
        save_pages.save(visit(form(folder, document=edited, then="shadow"), policy_id="spam"))
        version = load_policies(folder)["spam"].version
        known = f"SELECT * FROM `{{dataset}}.policies` WHERE policy_version = '{version}'"
        (row,) = waited(lambda: job.rows(known))
        assert row["status"] == "shadow"
        job.send([post(1, "buy cheap watches now")])
        job.wait_for(process, 2)
    found = job.rows("SELECT policy_version, mode FROM `{dataset}.verdicts` WHERE run = @run "
                     "ORDER BY `offset`, `partition`, judged_at")  # fmt: skip
    assert {(each["policy_version"], each["mode"]) for each in found} == {
        (load_policies(LIBRARY)["spam"].version, "enforce"),
        (version, "shadow"),
    }


def test_the_list_says_what_the_views_say(bigquery, visit, run):
    put(
        bigquery,
        "verdicts",
        [
            verdict(run, 0, "spam", "violates"),
            verdict(run, 1, "spam", "safe"),
            verdict(run, 2, "spam", "violates"),
            verdict(run, 3, "spam", "violates", created_at=NOON - timedelta(days=20)),
            verdict("another-run", 4, "spam", "violates"),
        ],
    )
    version = load_policies(LIBRARY)["spam"].version
    record(bigquery, load_policies(LIBRARY)["spam"])
    shown = pages.show_with_numbers(visit(now=NOON + timedelta(hours=1)))
    (expected,) = query(
        bigquery,
        "SELECT COUNT(*) AS violations FROM `{dataset}.labels` WHERE run = @run "
        "AND label = 'violates' AND DATE(created_at) = '2026-03-04'",
        run,
    )
    assert shown.values["violations"] == {"spam": expected["violations"]} == {"spam": 2}
    assert version in shown.values["first_used"]


def test_an_earlier_version_is_brought_back_with_who_did_it_and_why(bigquery, folder, visit):
    present = load_policies(folder)["spam"]
    earlier = replace(present, text=f"{present.text}\n- An older line.", status=Status.ACTIVE)
    record(bigquery, earlier)
    shown = edit_pages.compare(visit({"version": earlier.version}, policy_id="spam"))
    typed = shown.values["typed"]
    sent = form(folder, document=typed.document, stamp=typed.stamp, version=typed.version)
    assert isinstance(save_pages.save(visit(sent, policy_id="spam")), Moved)
    after = load_policies(folder)["spam"]
    assert (after.version, after.status) == (earlier.version, Status.ACTIVE)
    listed = version_pages.show(visit(policy_id="spam")).values
    assert earlier.version in [row["policy_version"] for row, _ in listed["versions"]]
    newest = listed["changes"][0]
    assert (newest["what"], newest["person"], newest["why"]) == (
        "policy-roll-back",
        "ada",
        "it was unclear",
    )


def test_a_form_that_is_sent_twice_has_one_row(bigquery, folder, visit, run):
    sent = form(folder, then="shadow")
    for _ in range(2):
        save_pages.save(visit(sent, policy_id="spam"))
    rows = query(bigquery, "SELECT what FROM `{dataset}.console_actions` WHERE run = @run", run)
    assert [row["what"] for row in rows] == ["policy-shadow"]


def test_posts_of_the_stream_are_tried_by_their_addresses(bigquery, visit, run):
    row = verdict(run, 0, "spam", "violates", text="40 followers for 2 pounds")
    row["decision_id"] = f"{'ab' * 16}-0"
    put(bigquery, "verdicts", [row])
    address = f"http://127.0.0.1/posts/{row['decision_id']}?day=2026-03-04"
    (found,) = trial_pages._of_stream(visit({"decisions": address}))
    assert found.text == "40 followers for 2 pounds"
    with pytest.raises(RefusedError, match="no text is stored"):
        list(trial_pages._of_stream(visit({"decisions": address.replace("04", "05")})))
