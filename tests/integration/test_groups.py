"""What a bounded job commits to its group: the end, once whatever it read is stored somewhere."""

import shutil

import pytest

from tests.hostile import EITHER, READABLE, UNREADABLE
from tests.integration.test_moderate import POSTS
from tests.integration.test_stages import Halves
from weir.policies.loading import LIBRARY
from weir.transforms.kafka.commits import committed_offsets
from weir.transforms.read import Start, Stop
from weir.transforms.read.find_slices import find_slices


class Committing(Halves):
    def committed(self, group, topic):
        held = committed_offsets(self.kafka, group, {topic})
        return {partition.partition: each.offset for partition, each in held.items()}

    def ends(self, topic):
        found = find_slices(self.kafka, (topic,), Start("earliest"), Stop("latest"))
        return {each.partition: each.stop for each in found}


@pytest.fixture
def job(kafka, bigquery):
    return Committing(kafka, bigquery)


def test_dead_letters_deferrals_and_violations_let_the_offset_go_on(job):
    hostile = [*UNREADABLE.values(), *READABLE.values(), *EITHER.values()]
    job.send([*POSTS, *hostile])
    counts = job.whole(f"--group={job.name}", "--budget-share=0.5", "--audit-rate=0.02")
    assert min(counts.dead_letters, counts.deferred, counts.violations) > 0
    assert job.committed(job.name, job.name) == job.ends(job.name)


def test_each_half_of_the_job_commits_what_it_has_decided(job):
    job.send(POSTS[290:])
    job.whole("--stages=screen", f"--group={job.name}-screen")
    assert job.committed(f"{job.name}-screen", job.name) == job.ends(job.name)
    job.part("--stages=judge", f"--group={job.name}-judge")
    topic = f"{job.name}-esc"
    assert job.committed(f"{job.name}-judge", topic) == job.ends(topic)


def test_a_run_that_is_repeated_reads_what_came_since_and_says_so(job, capsys):
    job.send(POSTS[280:310])
    first = job.whole()
    assert capsys.readouterr().err == ""
    assert job.whole().messages == 0
    job.send(POSTS[:30])
    again = job.whole()
    assert (again.messages, again.imbalances()) == (30, [])
    assert len(job.read("flagged")) == first.flagged_messages > 0
    said = capsys.readouterr().err
    assert f"the run {job.name} goes on where it had got to: {job.name}[0] at" in said
    assert "--start=earliest" in said


def test_a_repeated_run_decides_all_again_where_it_is_told_to(job):
    job.send(POSTS[:30])
    assert job.whole("--start=earliest").messages == job.whole("--start=earliest").messages == 30
    assert job.whole("--run=another").messages == 30


def test_a_run_in_several_processes_begins_where_the_last_one_came_to_its_end(job, tmp_path):
    job.send(POSTS[:30])
    # Each of the processes fits a judge of all policies that there are.
    shutil.copytree(LIBRARY / "spam", tmp_path / "spam")
    one = f"--policies={tmp_path}"
    assert job.whole(one).messages == 30
    job.send(POSTS[30:50])
    processes = ["--direct-num-workers=2", "--direct-running-mode=multi_processing"]
    assert job.whole(one, *processes).messages == 20
    assert job.committed(f"weir-{job.name}", job.name) == job.ends(job.name)
