"""A slice by offsets, in process: what is decided, what is left out, and what is done again."""

import shutil
import uuid
from contextlib import closing
from dataclasses import replace

import pytest

from tests.integration.test_moderate import POSTS, Job
from weir.errors import WeirError
from weir.pipelines.bigquery.queries import execute
from weir.pipelines.commands.replay import replay
from weir.pipelines.job import moderate
from weir.pipelines.replay.forecast import Judge
from weir.pipelines.replay.measurements import judge_before
from weir.pipelines.replay.resume import before
from weir.policies.loading import LIBRARY

LABELS = (
    "SELECT topic, `partition`, `offset`, policy_id, label, verdict, mode, inclusion_probability, "
    "decision_id FROM `{dataset}.labels` WHERE run = @run ORDER BY 1, 2, 3, 4"
)


class Replay(Job):
    """A topic of posts, and a replay of all of it under the topic's name."""

    def arguments(self):
        own = ("--topics", "--run", "--stop", "--flagged", "--dead")
        kept = [each for each in super().arguments() if not each.startswith(own)]
        return [
            *kept,
            f"--topics={self.name}",
            "--from=earliest",
            f"--run={self.name}",
            "--audit-rate=0.1",
        ]

    def replay(self, *more):
        self.said: list[str] = []
        return replay([*self.arguments(), *more], self.said.append, lambda: True)

    def delete(self, table, where):
        client = self.bigquery.client()
        dataset = f"{self.bigquery.project}.{self.bigquery.dataset}"
        execute(client, f"DELETE FROM `{dataset}.{table}` WHERE run = '{self.name}' AND {where}")
        client.close()


@pytest.fixture
def job(kafka, bigquery):
    made = Replay(kafka, bigquery)
    made.send(POSTS[200:])
    return made


def test_a_replay_decides_its_slice_under_its_own_name_and_is_then_finished(job):
    slice_ = ['--from={"0": 30}', '--to={"0": 50, "1": 40}']
    counts = job.replay(*slice_)
    assert counts.imbalances() == []
    assert counts.messages == counts.screenings == 60
    assert counts.verdicts > 0
    assert {row["mode"] for row in job.rows(LABELS) if row["verdict"]} == {"replay"}
    assert job.replay(*slice_) is None
    assert "is finished" in job.said[-1]


def test_what_an_attempt_left_undone_is_done_and_nothing_else(job):
    job.replay()
    whole = job.rows(LABELS)
    assert before(job.bigquery, job.name).decided.offsets == 120
    (judged,) = job.rows(
        "SELECT MIN(`offset`) AS at FROM `{dataset}.verdicts` WHERE run = @run AND `partition` = 0"
    )
    job.delete("verdicts", f"`offset` = {judged['at']} AND `partition` = 0")
    job.delete("screenings", "`offset` < 2 AND `partition` = 1")
    left = before(job.bigquery, job.name)
    assert (left.waiting, left.owed > 0) == (1, True)
    counts = job.replay()
    assert job.rows(LABELS) == whole
    assert counts.imbalances() == []
    assert counts.screenings == 3
    assert counts.left_out == counts.messages - 3
    assert "117 of them are decided already, and are left as they are" in job.said


def test_a_sample_says_on_every_row_how_likely_it_was_there(job):
    counts = job.replay("--sample=50%")
    assert counts.imbalances() == []
    assert 20 < counts.screenings < 100
    assert counts.left_out == 120 - counts.screenings
    weights = {r["inclusion_probability"] for r in job.rows(LABELS) if r["verdict"]}
    assert {round(each, 9) for each in weights} == {0.5, 0.05}
    recall = job.rows("SELECT audits_answered, audit_weight FROM `{dataset}.live_recall` "
                      "WHERE run = @run AND audits_answered > 0")  # fmt: skip
    # An audited post stands for ten that were cleared, not for twenty.
    assert all(r["audit_weight"] == pytest.approx(10 * r["audits_answered"]) for r in recall)
    assert recall


def test_a_query_of_ones_own_selects_posts(job, tmp_path):
    job.replay()
    file = tmp_path / "posts.sql"
    file.write_text(
        f"SELECT DISTINCT content_id FROM labels WHERE run = '{job.name}' AND verdict = 'violates'"
    )
    violating = {
        (r["partition"], r["offset"]) for r in job.rows(LABELS) if r["verdict"] == "violates"
    }
    counts = job.replay(f"--select={file}", f"--run={job.name}-again")
    assert counts.screenings == len(violating) > 0
    file.write_text("SELECT content_id, run FROM labels")
    with pytest.raises(WeirError, match="returns 2 columns"):
        job.replay(f"--select={file}", "--run=other")
    file.write_text("DELETE FROM labels WHERE TRUE")
    with pytest.raises(WeirError, match="only reads"):
        job.replay(f"--select={file}", "--run=other")


def test_a_budget_is_never_exceeded_and_what_is_over_it_waits(job):
    counts = job.replay("--budget=40", "--cache-mb=0")
    assert counts.imbalances() == []
    assert 0 < counts.verdicts <= 40
    assert counts.deferred == counts.escalations - counts.verdicts > 0
    assert any("over the budget of 40 requests" in each for each in job.said)
    assert job.replay("--budget=40", "--cache-mb=0") is None


def test_a_head_that_cannot_be_fitted_is_tried_and_told_of_once(job, tmp_path, capfd):
    shutil.copytree(LIBRARY / "spam", tmp_path / "mine")
    document = tmp_path / "mine" / "policy.md"
    document.write_text(document.read_text("utf-8").replace("id: spam", "id: mine"), "utf-8")
    counts = job.replay(
        f"--policies={tmp_path}", "--audit-rate=0.05", '--from={"0": 0}', '--to={"0": 3}'
    )
    assert counts.screenings == 3
    assert capfd.readouterr().err.count("no cold start") == 1


def test_an_engine_is_as_fast_as_between_the_first_and_the_last_of_its_busiest_minute(bigquery):
    short = {59: 1, 60: 100, 70: 200, 80: 300}  # a job that began a second before the minute
    slow = {600: 30, 659: 59}
    at_once = {900: 500, 902: 500}  # too short to say what the engine can do
    rates = _verdicts(bigquery, short | slow | at_once)
    assert judge_before(rates, "vllm", 1 << 30) == Judge("vllm", 500 / 20, 100)
    assert judge_before(rates, "endpoint", 1 << 30) == Judge("endpoint")


def _verdicts(bigquery, judged):
    """A dataset with so many verdicts at each second of an hour."""
    rates = replace(bigquery, dataset=f"rates_{uuid.uuid4().hex[:8]}")
    dataset = f"{rates.project}.{rates.dataset}"
    bundles = ", ".join(
        f"STRUCT({at} AS moment, {count} AS verdicts)" for at, count in judged.items()
    )
    hour = "TIMESTAMP_SUB(TIMESTAMP_TRUNC(CURRENT_TIMESTAMP(), HOUR), INTERVAL 1 HOUR)"
    with closing(rates.client()) as client:
        client.create_dataset(dataset)
        execute(
            client,
            f"CREATE TABLE `{dataset}.verdicts` AS SELECT "
            f"TIMESTAMP_ADD({hour}, INTERVAL moment SECOND) AS judged_at, "
            "'vllm' AS engine, FALSE AS cached, 100 AS tokens_out "
            f"FROM UNNEST([{bundles}]), UNNEST(GENERATE_ARRAY(1, verdicts))",
        )
    return rates


def test_who_declines_has_started_nothing_and_was_told_what_it_waited_for(job, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr("weir.pipelines.commands.replay.seldom", lambda told: told)
    assert replay(job.arguments(), said.append, lambda: False) is None
    before = said[: said.index(next(each for each in said if each.endswith("posts to decide")))]
    assert "looking for the slice in its topics" in before
    assert "making the screen ready for these policies" in before
    read = [each for each in before if each.endswith("posts of the slice read so far")]
    measured = next(each for each in said if "escalations, from" in each)
    assert f"from {read[-1].partition(' ')[0]} posts" in measured
    assert job.rows(LABELS) == []
    assert job.replay("--sample=10%").imbalances() == []


def test_a_name_that_another_run_has_is_refused(job):
    name = f"{job.name}-live"
    moderate.run([*Job.arguments(job), f"--run={name}"])
    with pytest.raises(WeirError, match="a run that was no replay"):
        job.replay(f"--run={name}")
