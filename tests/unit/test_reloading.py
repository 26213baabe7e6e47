"""What a person edits while a job runs is in force soon, whole, and only where it is sound."""

import importlib
import logging
import pickle
import shutil
import threading
import time
from dataclasses import dataclass

import pytest

from weir.policies.loading import LIBRARY, load_policies
from weir.policies.policy import Status
from weir.policies.source import PolicySource
from weir.transforms.process.live_numbers import LIVE, Name
from weir.transforms.process.reloading import Reloaded, Reloading, Reloads

SECONDS = 0.05
FAILURES = Name("policy_reload_failures")


@pytest.fixture
def folder(tmp_path):
    for name in ("spam", "hate"):
        shutil.copytree(LIBRARY / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def reloaded(folder):
    """What is in force in this process, looked at by hand."""
    return Reloaded(Reloading(PolicySource(load_policies(folder), str(folder)), SECONDS))


def edit(folder, old, new, name="spam"):
    document = folder / name / "policy.md"
    text = document.read_text("utf-8")
    assert old in text
    document.write_text(text.replace(old, new, 1), "utf-8")


def ids(reloaded):
    return [policy.policy_id for policy in reloaded.now.value.policies]


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_files_that_stay_as_they_are_change_nothing(reloaded):
    before = reloaded.now
    reloaded.look()
    reloaded.look()
    assert reloaded.now is before


def test_files_that_stay_as_they_are_are_not_read_again(folder):
    reads = []

    class Counted(PolicySource):
        def read(self):
            reads.append(1)
            return super().read()

    counted = Counted(load_policies(folder), str(folder))
    reloaded = Reloaded(Reloading(counted, SECONDS))
    for _ in range(5):
        reloaded.look()
    assert len(reads) == 1


def test_an_edited_policy_takes_the_place_of_the_one_before(folder, reloaded):
    before = reloaded.now.value
    edit(folder, "## Definitions", "## Definitions\n\nAnd more.")
    reloaded.look()
    assert reloaded.now.value["spam"].version != before["spam"].version
    assert reloaded.now.value["hate"].version == before["hate"].version
    assert reloaded.now.earlier == (before,)


def test_an_edit_that_is_accepted_leaves_a_line_with_both_versions(folder, reloaded, caplog):
    before = reloaded.now.value["spam"].version
    edit(folder, "## Definitions", "## Definitions\n\nAnd more.")
    shutil.copytree(LIBRARY / "violence", folder / "violence")
    shutil.rmtree(folder / "hate")
    with caplog.at_level(logging.INFO, "weir"):
        reloaded.look()
    (line,) = caplog.messages
    now = reloaded.now.value
    assert f"policy spam {now['spam'].version}, after {before}" in line
    assert f"policy violence {now['violence'].version}" in line
    assert "policy hate no longer" in line


def test_weirs_own_news_reach_the_log():
    importlib.import_module("weir.pipelines")
    assert logging.getLogger("weir.transforms.process.reloading").isEnabledFor(logging.INFO)


def test_what_is_in_force_in_a_process_can_be_listed(folder):
    reloads = Reloads()
    reloading = Reloading(PolicySource(load_policies(folder), str(folder)), SECONDS)
    assert reloads.versions() == {}
    policies = reloads.acquire(reloading).now.value
    assert reloads.versions() == {
        "policy hate": policies["hate"].version,
        "policy spam": policies["spam"].version,
    }
    reloads.release(reloading)
    assert reloads.versions() == {}


def test_a_policy_that_is_added_is_in_force(folder, reloaded):
    shutil.copytree(LIBRARY / "violence", folder / "violence")
    reloaded.look()
    assert ids(reloaded) == ["hate", "spam", "violence"]


def test_a_policy_that_is_put_in_shadow_keeps_its_version(folder, reloaded):
    before = reloaded.now.value["spam"]
    edit(folder, "status: active", "status: shadow")
    reloaded.look()
    assert reloaded.now.value["spam"].status is Status.SHADOW
    assert reloaded.now.value["spam"].version == before.version


def test_a_policy_that_is_retired_or_removed_with_its_folder_is_no_longer_in_force(
    folder, reloaded
):
    shutil.copytree(LIBRARY / "violence", folder / "violence")
    reloaded.look()
    edit(folder, "status: active", "status: retired")
    shutil.rmtree(folder / "violence")
    reloaded.look()
    assert ids(reloaded) == ["hate"]


def test_the_last_few_sets_are_kept(folder, reloaded):
    seen = [reloaded.now.value]
    for number in range(12):
        edit(folder, "## Definitions", f"## Definitions\n\nMore {number}.")
        reloaded.look()
        seen.append(reloaded.now.value)
    assert reloaded.now.earlier == tuple(reversed(seen[-9:-1]))


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (lambda f: edit(f, "owner:", "owner; "), "spam/policy.md:"),
        (lambda f: edit(f, "---", "--"), "spam/policy.md:1:"),
        (lambda f: (f / "spam" / "policy.md").unlink(), "spam/policy.md:1:"),
        (lambda f: (f / "spam" / "policy.md").write_bytes(b"---\nid: \xff"), "spam/policy.md:2:"),
        (lambda f: (f / "spam" / "examples.csv").write_text("text,label\n"), "examples.csv:1:"),
        (lambda f: shutil.copytree(f / "spam", f / "again"), "spam/policy.md"),
        (lambda f: edit(f, "title: ", r'title: "\ud800" #'), "spam/policy.md:"),
        (lambda f: edit(f, "title: ", "title: " + "[" * 500), "spam/policy.md:2:"),
        (shutil.rmtree, "there is no such folder"),
    ],
)
def test_a_broken_edit_changes_nothing_and_is_said_once(folder, reloaded, broken, place, caplog):
    before = reloaded.now.value
    broken(folder)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            reloaded.look()
    assert reloaded.now.value is before
    assert reloaded.now.failures == LIVE.snapshot().gauges[FAILURES] == 1
    (line,) = [record.getMessage() for record in caplog.records]
    assert place in line


def test_a_mended_edit_is_in_force_and_the_metric_falls_back(folder, reloaded):
    edit(folder, "labels:", "label:")
    reloaded.look()
    edit(folder, "label:", "labels:")
    edit(folder, "effort: low", "effort: high")
    reloaded.look()
    assert reloaded.now.value["spam"].effort == "high"
    assert reloaded.now.failures == LIVE.snapshot().gauges[FAILURES] == 0


def test_another_failure_is_said_again(folder, reloaded, caplog):
    with caplog.at_level(logging.WARNING):
        edit(folder, "labels:", "label:")
        reloaded.look()
        edit(folder, "owner:", "owned:")
        reloaded.look()
    assert len(caplog.records) == reloaded.now.failures == 2


@dataclass
class Written:
    """Files that are being written: each look at their stamps finds the next one of a list."""

    stamps: list[int]
    broken: bool = False
    what: str = "policy"
    key: str = "written"

    def first(self):
        return 0

    def stamp(self):
        return self.stamps.pop(0) if len(self.stamps) > 1 else self.stamps[0]

    def read(self):
        if self.broken:
            raise ValueError("half of it is missing")
        return self.stamps[0]

    def versions(self, value):
        return {"policy spam": str(value)}


def test_what_changes_while_it_is_read_is_read_again():
    reloaded = Reloaded(Reloading(Written([1, 2, 3, 3]), SECONDS))
    reloaded.look()
    assert reloaded.now.value == 3
    assert reloaded.now.earlier == (0,)


def test_what_does_not_stop_changing_is_left_for_the_next_look():
    written = Written(list(range(1, 12)))
    reloaded = Reloaded(Reloading(written, SECONDS))
    reloaded.look()
    assert reloaded.now.value == 0
    reloaded.look()
    assert reloaded.now.value == 11


def test_what_is_broken_only_while_it_is_written_is_no_failure():
    written = Written(list(range(1, 12)), broken=True)
    reloaded = Reloaded(Reloading(written, SECONDS))
    reloaded.look()
    assert reloaded.now.failures == 0
    written.broken = False
    reloaded.look()
    assert reloaded.now.value == 11


def test_threads_of_a_process_share_one_thread_that_looks(folder):
    reading = Reloading(PolicySource(load_policies(folder), str(folder)), SECONDS)
    copy = pickle.loads(pickle.dumps(reading))
    reloads = Reloads()
    first, second = reloads.acquire(reading), reloads.acquire(copy)
    assert first is second
    edit(folder, "effort: low", "effort: high")
    until(lambda: first.now.value["spam"].effort == "high")
    assert sum(t.name == "weir-policy-reload" for t in threading.enumerate()) == 1
    reloads.release(reading)
    reloads.release(copy)
    assert not any(t.name == "weir-policy-reload" for t in threading.enumerate())


def test_who_comes_back_after_a_pause_sees_what_was_edited_meanwhile(folder):
    reading = Reloading(PolicySource(load_policies(folder), str(folder)), SECONDS)
    reloads = Reloads()
    before = reloads.acquire(reading).now.value
    reloads.release(reading)
    edit(folder, "effort: low", "effort: high")
    again = reloads.acquire(reading)
    assert again.now.value["spam"].effort == "high"
    assert again.now.earlier == (before,)
    reloads.release(reading)


def test_each_new_set_is_recorded_though_the_first_attempt_fails(folder):
    recorded = []

    def record(found):
        recorded.append(found)
        if len(recorded) == 1:
            raise ConnectionError

    source = PolicySource(load_policies(folder), str(folder))
    reading, reloads = Reloading(source, SECONDS, record), Reloads()
    reloaded = reloads.acquire(reading)
    edit(folder, "effort: low", "effort: high")
    until(lambda: len(recorded) == 2)
    assert recorded == [reloaded.now.value] * 2
    reloads.release(reading)


def test_what_is_not_to_be_read_again_stays(folder):
    reading, reloads = Reloading(PolicySource(load_policies(folder))), Reloads()
    reloaded = reloads.acquire(reading)
    edit(folder, "effort: low", "effort: high")
    reloaded.look()
    assert reloaded.now.value["spam"].effort == "low"
    reloads.release(reading)
