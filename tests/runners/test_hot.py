"""Policies and screens are edited while posts arrive, and no post goes without its labels.

``WEIR_RATE`` (300) says how many posts a second come. How long each edit took is printed.
"""

import os
import shutil
import time

import numpy as np
import pytest

from tests.runners.stream import POLICIES, Command, Stream
from weir.transforms.screen.model import Screen
from weir.transforms.screen.teaching.folder import TaughtFolder

RATE = float(os.environ.get("WEIR_RATE", "300"))
LOOKS = "--policy-seconds=1"
WITHIN_SECONDS = 4  # more than a job takes to look at a file again, and to see that it is broken


@pytest.fixture
def edited(tmp_path, apache_kafka, bigquery, screen, policies, stream):
    """A stream whose policies and screen nobody else uses; it closes as ``stream`` does."""
    shutil.copytree(policies, tmp_path / "policies")
    shutil.copytree(screen, tmp_path / "screen")
    return Stream(apache_kafka.bootstrap, bigquery, tmp_path / "screen", tmp_path / "policies")


def replaced(file, old, new):
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def first(stream, column, value, table="verdicts", when="judged_at"):
    """Return when a post was first decided so, in epoch seconds; None where none was."""
    rows = stream.rows(
        f"SELECT UNIX_MILLIS(MIN({when})) AS at FROM `{{dataset}}.{table}` "
        f"WHERE run = @run AND {column} = '{value}'"
    )
    return rows[0]["at"] / 1000 if rows and rows[0]["at"] else None


def last(stream, which):
    """Return when a post was screened last of those, in epoch seconds; 0 where none was."""
    (row,) = stream.rows(
        "SELECT UNIX_MILLIS(MAX(screened_at)) AS at FROM `{dataset}.screenings` "
        f"WHERE run = @run AND {which}"
    )
    return (row["at"] or 0) / 1000


def wait(found, seconds=400):
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return value


def test_edits_are_taken_up_and_no_post_is_lost(edited, prism, tmp_path):
    from weir.policies.loading import load_policies

    folder, log = tmp_path / "policies", tmp_path / "log"
    cheating = folder / "game-cheating" / "policy.md"
    seconds = {}

    def versions():
        found = edited.rows(
            "SELECT DISTINCT policy_version AS v FROM `{dataset}.verdicts` WHERE run = @run"
        )
        return {row["v"] for row in found}

    with Command([*edited.arguments(), *prism, LOOKS], log) as job:
        with edited.sending(RATE):
            edited.wait_until_screened()

            replaced(cheating, "## Definitions", "## Definitions\n\nEdited while it runs.")
            began = time.time()
            version = load_policies(folder)["game-cheating"].version
            at = wait(lambda: first(edited, "policy_version", version))
            seconds["edited"] = at - began

            replaced(cheating, "status: active", "status: activ")
            wait(lambda: "game-cheating/policy.md:" in log.read_text("utf-8", "replace"))
            known = len(versions())
            replaced(cheating, "status: activ", "status: active")

            before = {row["s"] for row in sets(edited)}
            shutil.copytree(folder / "spam", folder / "more")
            replaced(folder / "more" / "policy.md", "id: spam", "id: more")
            began = time.time()
            added = load_policies(folder).version
            assert added not in before
            at = wait(lambda: first(edited, "policy_set", added, "screenings", "screened_at"))
            seconds["added"] = at - began

            replaced(folder / "more" / "policy.md", "status: active", "status: retired")
            began = time.time()
            wait(lambda: last(edited, f"policy_set <> '{added}'") > began)
            seconds["retired"] = last(edited, f"policy_set = '{added}'") - began

            new = Screen.load(tmp_path / "screen")
            new = new.with_thresholds(np.full(len(new.policy_ids), 0.49))
            (tmp_path / "screen" / "screen.npz").write_bytes(new.file[:1000])
            time.sleep(WITHIN_SECONDS)
            (tmp_path / "screen" / "screen.npz").write_bytes(new.file)
            began = time.time()
            at = wait(
                lambda: first(edited, "screen_version", new.version, "screenings", "screened_at")
            )
            seconds["screen"] = at - began
        account = edited.wait_until_labelled()
        code, output = job.terminate()
    print({name: round(each, 1) for name, each in seconds.items()}, account, flush=True)
    assert code == 0, output[-3000:]
    assert known == 2  # the broken edit made none
    assert output.count("policy.md:") == 1
    assert account.twice_in_view == 0
    assert account.labels >= len(edited.sent) * POLICIES
    recorded = edited.rows("SELECT policy_version FROM `{dataset}.policies`")
    assert versions() <= {row["policy_version"] for row in recorded}
    screens = edited.rows("SELECT screen_version FROM `{dataset}.screens`")
    assert new.version in {row["screen_version"] for row in screens}


def test_workers_on_flink_take_an_edit_and_a_shadow(edited, flink, tmp_path):
    from weir.policies.loading import load_policies

    folder = tmp_path / "policies"
    cheating = folder / "game-cheating" / "policy.md"
    seconds = {}
    with Command([*edited.arguments(), *flink, LOOKS], tmp_path / "log") as job:
        with edited.sending(RATE):
            edited.wait_until_screened()
            replaced(cheating, "## Definitions", "## Definitions\n\nEdited while it runs.")
            began = time.time()
            version = load_policies(folder)["game-cheating"].version
            at = wait(lambda: first(edited, "policy_version", version))
            seconds["edited"] = at - began
            replaced(cheating, "status: active", "status: shadow")
            began = time.time()
            seconds["shadow"] = wait(lambda: first(edited, "mode", "shadow")) - began
            time.sleep(WITHIN_SECONDS)
        account = edited.wait_until_labelled()
        code, output = job.terminate()
    enforced = edited.rows(
        "SELECT UNIX_MILLIS(MAX(judged_at)) AS at FROM `{dataset}.verdicts` "
        "WHERE run = @run AND mode = 'enforce' AND policy_id = 'game-cheating'"
    )
    seconds["last enforced"] = enforced[0]["at"] / 1000 - began
    print({name: round(each, 1) for name, each in seconds.items()}, account, flush=True)
    assert code == 0, output[-3000:]
    assert account.twice_in_view == 0
    assert account.labels == len(edited.sent) * POLICIES


def test_a_screen_that_was_taught_and_promoted_decides_in_a_running_job(edited, prism, tmp_path):
    folder = TaughtFolder(str(tmp_path / "taught"), reads=False)
    base = Screen.load(tmp_path / "screen")
    learned = base.with_thresholds(np.full(len(base.policy_ids), 0.49))

    def decided(version, table):
        return lambda: first(edited, "screen_version", version, table, "screened_at")

    taught = ["--audit-rate=0.01", f"--taught-screen={folder.path}"]
    with Command([*edited.arguments(), *taught, *prism], tmp_path / "log") as job:
        with edited.sending(rate=100):
            wait(decided(base.version, "screenings"))
            folder.put_in_shadow(learned, {})
            wait(decided(learned.version, "shadow_screenings"))
            folder.swap()
            wait(decided(learned.version, "screenings"))
            wait(decided(base.version, "shadow_screenings"))
        code, output = job.terminate()
    assert code == 0, output[-3000:]


def sets(stream):
    return stream.rows(
        "SELECT DISTINCT policy_set AS s FROM `{dataset}.screenings` WHERE run = @run"
    )
