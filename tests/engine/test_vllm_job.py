"""The whole job with the real vLLM: broker, emulator, Beam's in-process runner."""

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from typer.testing import CliRunner

from tests.engine.conftest import REASONING_TOKENS, SETTINGS
from tests.engine.policies import CODES, DIGITS, JSON, POLICIES
from weir.pipelines.commands.cli import app
from weir.pipelines.demo import Stack, query
from weir.pipelines.job.moderate import launch
from weir.pipelines.job.provenance import record_decider
from weir.pipelines.settings import ModerationSettings
from weir.policies.policy import PolicySet
from weir.transforms.counts import Counts, counts_of
from weir.transforms.judge.engine import Completion, Request
from weir.transforms.judge.vllm.engine import VllmEngine
from weir.transforms.kafka.settings import KafkaSettings, ensure_topics

POSTS = 24  # of 3 policies that have no head in the screen, so that every post is judged
JUDGED = POSTS * len(POLICIES.policies)
MANY = 67  # for 201 verdicts
# Of so many with short answers: the engine that is reproducible answers one at a time.
SHORT = PolicySet((CODES, DIGITS, replace(DIGITS, policy_id="engine-more")))


@dataclass
class Lent:
    """An engine that a job uses and does not close; it notes what was asked."""

    engine: Any
    asked: "list[tuple[Request, Future[Completion]]]" = field(default_factory=list)
    answered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def submit(self, requests: Sequence[Request]) -> "list[Future[Completion]]":
        futures = self.engine.submit(requests)
        self.asked += zip(requests, futures, strict=True)
        for future in futures:
            future.add_done_callback(self._count)
        return futures

    def close(self) -> None:
        pass

    def _count(self, _) -> None:
        with self.lock:
            self.answered += 1


LENT: list[Lent] = []


def lent() -> Lent:
    """The factory that a job pickles: by name, as the engine itself cannot be."""
    return LENT[-1]


@pytest.fixture(scope="module")
def borrowed(engine) -> Iterator[Lent]:
    LENT.append(Lent(engine))
    yield LENT[-1]
    LENT.clear()


@pytest.fixture
def reproducible(settings, borrowed) -> Iterator[Lent]:
    """Another engine, which the jobs of a test borrow in place of the session's."""
    engine = VllmEngine(replace(settings, temperature=0.0, reproducible=True))
    LENT.append(Lent(engine))
    yield LENT[-1]
    LENT.pop().engine.close()


@dataclass(frozen=True)
class Job:
    """A topic of posts, and what a run over it left."""

    stack: Stack
    name: str

    def run(self, posts: int = POSTS, of: PolicySet = POLICIES) -> Counts:
        self._send(posts)
        policies = fresh(self.name, of)
        options = PipelineOptions(
            [
                *self.stack.arguments(),
                f"--topics={self.name}",
                f"--flagged-topic={self.name}-flagged",
                f"--dead-letter-topic={self.name}-dead",
                f"--run={self.name}",
                "--stop=latest",
            ]
        )
        settings = ModerationSettings.from_options(options)
        settings = replace(settings, policies=policies, engine=lent)
        record_decider(settings)
        result = launch(options, settings)
        result.wait_until_finish()
        return counts_of(result)

    def rows(self, sql: str) -> list[dict]:
        return query(self.stack.bigquery, sql, self.name)

    def _send(self, posts: int) -> None:
        with self.stack.kafka.producer() as producer:
            for number in range(posts):
                text = f"buy tomatoes, offer {number}" + " today" * (number % 9)
                producer.send(self.name, json.dumps({"id": f"p{number}", "text": text}).encode())
            producer.flush()


def fresh(name: str, of: PolicySet) -> PolicySet:
    """The policies with texts that begin as no other, so that nothing has warmed them."""
    return PolicySet(
        tuple(
            replace(each, text=f"{name}, {each.policy_id}\n\n{each.text}") for each in of.policies
        )
    )


@pytest.fixture
def job(kafka, bigquery, borrowed) -> Job:
    name = f"engine-{uuid.uuid4().hex[:8]}"
    settings = KafkaSettings(kafka)
    ensure_topics(settings, [name], 2)
    ensure_topics(settings, [f"{name}-flagged", f"{name}-dead"], 1)
    return Job(Stack(settings, bigquery), name)


def once(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act as soon as the condition holds, or after ten minutes, beside whatever else runs."""

    def wait() -> None:
        deadline = time.monotonic() + 600
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_bounded_job_judges_every_post_and_the_cache_serves_all_prompts_but_the_first(job):
    counts = job.run()
    assert counts.imbalances() == []
    assert counts.escalations == counts.verdicts == JUDGED
    assert counts.dead_letters == 0
    stored = job.rows(
        "SELECT policy_id, COUNT(*) AS n, SUM(IF(tokens_cached = 0, 1, 0)) AS uncached, "
        "SUM(IF(verdict = 'indeterminate' AND reason IS NULL, 1, 0)) AS unexplained "
        "FROM `{dataset}.verdicts` WHERE run = @run GROUP BY policy_id ORDER BY policy_id"
    )
    assert stored == [
        {"policy_id": policy.policy_id, "n": POSTS, "uncached": 1, "unexplained": 0}
        for policy in POLICIES.policies
    ]

    # SP0 is safe and SP1 violates: dummy weights leave open which one the others would have been.
    unsure = job.rows(
        "SELECT DISTINCT policy_id FROM `{dataset}.verdicts` WHERE run = @run "
        "AND verdict != 'indeterminate' AND probability IS NULL"
    )
    assert {row["policy_id"] for row in unsure} <= {CODES.policy_id}


def test_an_engine_killed_in_mid_run_costs_no_verdict_and_makes_none_twice(job, borrowed):
    enough = borrowed.answered + 20
    killed = borrowed.process_ids

    def kill():
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    killing = once(lambda: borrowed.answered >= enough, kill)
    counts = job.run()
    killing.join(1)
    assert set(borrowed.process_ids).isdisjoint(killed)
    assert counts.imbalances() == []
    assert counts.verdicts == JUDGED
    assert counts.dead_letters == 0
    (stored,) = job.rows(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT decision_id) AS ids FROM `{dataset}.verdicts` "
        "WHERE run = @run"
    )
    assert stored == {"n": JUDGED, "ids": JUDGED}
    (labels,) = job.rows(
        "SELECT COUNT(*) AS n FROM `{dataset}.labels` WHERE run = @run AND decided_by = 'judge'"
    )
    assert labels == {"n": JUDGED}


def test_a_verdict_is_the_same_alone_and_among_200_others_and_an_appeal_says_so(
    job, reproducible, checkpoint, monkeypatch
):
    judged = MANY * len(SHORT.policies)
    assert job.run(MANY, SHORT).verdicts == judged > 200
    contested = reproducible.asked[:: judged // 4]
    # One with a long answer, and others beside it.
    others = [Request(f"{number}", f"another {number}", DIGITS) for number in range(6)]
    long = Request("long", "a lovely day in the garden", JSON)
    contested.append((long, reproducible.submit([*others[:3], long, *others[3:]])[3]))
    alone = [reproducible.submit([request])[0].result(600) for request, _ in contested]
    assert len({completion.probability for completion in alone}) > 1
    for completion, (_, among) in zip(alone, contested, strict=True):
        # But for how long it waited: the text of both channels, the counts and the probability.
        assert replace(completion, queue_ms=None) == replace(among.result(), queue_ms=None)

    stored = job.rows(
        "SELECT decision_id, policy_id, reproducible FROM `{dataset}.verdicts` WHERE run = @run "
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY policy_id ORDER BY content_id) = 1"
    )
    assert len(stored) == len(SHORT.policies)
    # The engine that would be started for an appeal is the one that is there.
    monkeypatch.setattr("weir.pipelines.settings.engines._Vllm.__call__", same_engine)
    settings = SETTINGS.replace("temperature=1,", "")
    asked = ["--engine=vllm", f"--model={checkpoint}", f"--engine-settings={settings}"]
    asked += [f"--reasoning-tokens={REASONING_TOKENS}", "--json", *job.stack.arguments()[2:]]
    for row in stored:
        assert row["reproducible"]
        appeal = CliRunner().invoke(app, ["appeal", row["decision_id"], *asked])
        assert appeal.exit_code == 0, appeal.output
        said = json.loads(appeal.stdout)
        assert (said["same"], said["reproducible"], said["differing"]) == (True, True, [])


def same_engine(factory) -> Lent:
    """Stand for the start of an engine, where the one that is there has the same settings."""
    assert factory.settings.for_card(16) == LENT[-1].engine._settings
    return LENT[-1]
