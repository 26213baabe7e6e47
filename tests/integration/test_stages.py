"""The job in two halves, over its budget, and with posts that were seen before."""

import gzip
import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.test_moderate import POSTS, Job, post
from weir.pipelines.job import moderate
from weir.transforms.escalations import SCHEMA
from weir.transforms.traces.recorder import recorder

LABELS = (
    "SELECT topic, `partition`, `offset`, policy_id, label, decided_by, route, decision_id FROM "
    "`{dataset}.labels` WHERE run = @run ORDER BY 1, 2, 3, 4"
)
VERDICTS = (
    "SELECT COUNT(*) AS n, COUNT(DISTINCT decision_id) AS ids FROM `{dataset}.verdicts` "
    "WHERE run = @run"
)


class Halves(Job):
    """The same job, whole or in parts."""

    def part(self, *arguments):
        taken = [a for a in self.arguments() if not a.startswith("--topics")]
        topics = [f"--escalation-topic={self.name}-esc", f"--deferred-topic={self.name}-later"]
        return moderate.run([*taken, *topics, *arguments])

    def whole(self, *arguments):
        return self.part(f"--topics={self.name}", *arguments)

    def conservation(self):
        return self.rows("SELECT * FROM `{dataset}.conservation` WHERE run = @run")[0]


@pytest.fixture
def job(kafka, bigquery):
    return Halves(kafka, bigquery)


def test_two_jobs_decide_what_one_does_under_the_same_ids(job):
    job.send(POSTS)
    one = job.whole("--audit-rate=0.2")
    labels, verdicts = job.rows(LABELS), job.rows(VERDICTS)[0]
    assert one.audits > 0

    screened = job.whole("--stages=screen", "--audit-rate=0.2", "--start=earliest")
    # The escalations keep the run and mode of the job that screened, whatever this one is called.
    judged = job.part("--stages=judge", "--run=another", "--mode=shadow")
    assert screened.imbalances() == judged.imbalances() == []
    assert screened.escalations_sent == judged.escalations_read == one.escalations
    assert (judged.verdicts, judged.violations) == (one.verdicts, one.violations)
    assert (judged.audits, judged.policies) == (one.audits, one.policies)
    assert judged.flagged_messages == one.flagged_messages

    assert job.rows(LABELS) == labels
    assert job.rows(VERDICTS)[0] == {"n": 2 * verdicts["n"], "ids": verdicts["ids"]}
    kept = job.conservation()
    assert (kept["unaccounted"], kept["deferred"], kept["judged"]) == (0, 0, one.verdicts)


@contextmanager
def collector():
    """A server that takes OTLP over HTTP; gives its address and the spans that have come."""
    spans: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            packed = self.headers.get("Content-Encoding") == "gzip"
            sent = ExportTraceServiceRequest.FromString(gzip.decompress(body) if packed else body)
            spans.extend(
                span for r in sent.resource_spans for scope in r.scope_spans for span in scope.spans
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_): ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_one_trace_has_the_way_of_a_post_through_both_jobs(job):
    job.send(POSTS[300:305])
    with collector() as (address, spans):
        traced = [f"--traces-endpoint={address}", "--traces-share=1"]
        screened = job.whole("--stages=screen", *traced)
        judged = job.part("--stages=judge", *traced)
        recorder(address).shutdown()
    ways = defaultdict(list)
    for span in spans:
        ways[span.trace_id].append(span.name)
    assert len(ways) == screened.messages == 5
    read_and_stored = ["weir.read", "weir.screen", "weir.write"]
    for names in ways.values():
        asked = names.count("weir.judge")
        assert sorted(names) == sorted([*read_and_stored, *["weir.judge", "weir.write"] * asked])
    assert sum(names.count("weir.judge") for names in ways.values()) == judged.verdicts > 0


def test_until_the_second_job_has_run_the_view_says_what_is_missing(job):
    job.send(POSTS[300:])
    screened = job.whole("--stages=screen")
    assert job.conservation()["unaccounted"] == screened.escalations > 0
    job.part("--stages=judge")
    assert job.conservation()["unaccounted"] == 0


def test_the_topic_between_holds_what_the_published_schema_says(job):
    job.send(POSTS[300:305])
    screened = job.whole("--stages=screen")
    bodies = [json.loads(record.value) for record in job.read("esc")]
    assert len(bodies) == screened.escalations_sent
    for body in bodies:
        jsonschema.validate(body, SCHEMA)


def test_what_is_no_escalation_is_a_dead_letter_of_the_job_that_judges(job):
    job.send(POSTS[300:])
    screened = job.whole("--stages=screen")
    producer = job.kafka.producer()
    for value in (b"oops", None, b"{}"):
        producer.send(f"{job.name}-esc", value=value, key=b"k").get(timeout=240)
    producer.close()
    judged = job.part("--stages=judge")
    assert judged.imbalances() == []
    assert judged.verdicts == screened.escalations
    assert judged.dead_letters == judged.dead_letters_escalation == 3
    kept = job.conservation()
    assert (kept["unaccounted"], kept["dead_at_escalation"]) == (0, 3)
    assert len(job.read("dead")) == 3


def test_what_is_over_the_budget_is_judged_by_a_later_run(job):
    job.send(POSTS)
    first = job.whole("--audit-rate=0.2", "--budget-share=0.4", "--cache-mb=0")
    assert first.imbalances() == []
    assert first.deferred > 0
    assert first.verdicts == int(0.4 * first.escalations)

    deferred = {(b["position"]["offset"], b["position"]["partition"], b["policy_id"])
                for b in (json.loads(r.value) for r in job.read("later"))}  # fmt: skip
    waiting = job.rows(
        "SELECT `offset`, `partition`, policy_id FROM `{dataset}.labels` "
        "WHERE run = @run AND deferred"
    )
    assert {tuple(row.values()) for row in waiting} == deferred
    assert len(deferred) == len(job.read("later")) == first.deferred
    kept = job.conservation()
    assert (kept["deferred"], kept["unaccounted"]) == (first.deferred, 0)
    assert kept["judged"] == first.verdicts

    later = job.part("--source=deferred", "--run=another")
    assert later.imbalances() == []
    assert later.escalations_read == later.verdicts == first.deferred
    kept = job.conservation()
    assert (kept["deferred"], kept["unaccounted"]) == (0, 0)
    assert kept["judged"] == first.escalations

    one = job.rows("SELECT route, COUNT(*) AS n FROM `{dataset}.verdicts` WHERE run = @run "
                   "GROUP BY route")  # fmt: skip
    routes = {row["route"]: row["n"] for row in one}
    assert routes["audit"] + routes.get("deferred", 0) == first.audits
    ids = job.rows(VERDICTS)[0]
    labels = {(r["offset"], r["partition"], r["policy_id"]): r["decision_id"]
              for r in job.rows(LABELS)}  # fmt: skip
    whole = job.whole("--audit-rate=0.2", "--cache-mb=0", "--start=earliest")
    assert job.rows(VERDICTS)[0]["ids"] == ids["ids"] == whole.escalations
    assert {(r["offset"], r["partition"], r["policy_id"]): r["decision_id"]
            for r in job.rows(LABELS)} == labels  # fmt: skip


def test_what_was_deferred_is_judged_once_however_often_it_is_asked_for(job):
    job.send(POSTS[300:310])
    first = job.whole("--budget-share=0.5")
    second = job.part("--source=deferred", "--budget-share=0.5")
    assert (second.escalations_read, second.imbalances()) == (first.deferred, [])
    assert job.part("--source=deferred").escalations_read == second.deferred > 0
    assert job.part("--source=deferred").messages == 0
    kept = job.conservation()
    assert (kept["deferred"], kept["unaccounted"]) == (0, 0)
    assert kept["judged"] == first.escalations


def test_a_post_seen_before_is_answered_from_the_cache_and_says_so(job):
    text = "selling aimbot and wallhack for ranked, undetected, dm me"
    job.send(post(number, text) for number in range(20))
    counts = job.whole("--audit-rate=0")
    assert counts.imbalances() == []
    rows = job.rows(
        "SELECT cached, COUNT(*) AS n, SUM(latency_ms) AS ms, MIN(verdict) AS least, "
        "MAX(verdict) AS most FROM `{dataset}.verdicts` WHERE run = @run "
        "AND policy_id = 'game-cheating' GROUP BY cached ORDER BY cached"
    )
    asked, copied = rows
    assert asked["n"] + copied["n"] == 20
    assert asked["n"] <= 2  # one a partition and bundle, where they are judged at once
    assert copied["ms"] == 0
    assert {asked["least"], copied["least"], copied["most"]} == {"violates"}
    assert counts.flagged_messages == counts.violations >= 20


def test_a_post_too_large_for_the_topic_is_judged_all_the_same(job):
    large = "selling aimbot and wallhack for ranked, undetected " * 14_000
    job.send([post(1, large), post(2, "selling aimbot and wallhack for ranked, undetected")])
    screened = job.whole("--stages=screen", "--audit-rate=1")
    judged = job.part("--stages=judge")
    assert judged.imbalances() == []
    assert judged.verdicts == screened.escalations_sent > 0
    truncated = {(b["content_id"], b["truncated"], b["value"] is None)
                 for b in (json.loads(r.value) for r in job.read("esc"))}  # fmt: skip
    assert truncated == {("p1", True, True), ("p2", False, False)}
