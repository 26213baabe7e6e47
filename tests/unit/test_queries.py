"""However BigQuery fails, it ends in a sentence, and soon."""

import pytest

from tests.scripted_server import DROPS, HANGS, HTML, Reply, ScriptedServer, error
from weir.pipelines.bigquery import queries
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.commands import forget
from weir.transforms.write.bigquery.sink import BigQuerySettings

REFERENCE = {"projectId": "p", "jobId": "j", "location": "US"}


def job(state, **statistics):
    return Reply(
        body={
            "jobReference": REFERENCE,
            "configuration": {"query": {}},
            "status": {"state": state},
            "statistics": statistics,
        }
    )


COMPLETE = Reply(body={"jobComplete": True, "jobReference": REFERENCE})
INCOMPLETE = Reply(body={"jobComplete": False, "jobReference": REFERENCE})
FAILURES = {
    "an internal error": (error(500), error(500)),
    "an overload": (error(503), error(503)),
    "too many requests": (error(429), error(429)),
    "a page of HTML": (HTML, HTML),
    "another object": (Reply(body={}), Reply(body={})),
    "an array": (Reply(body=[]), Reply(body=[])),
    "half of an answer": (Reply(body=b'{"a": 1}', sent=4), DROPS),
    "a connection that is dropped": (DROPS, DROPS),
    "no answer": (HANGS, HANGS),
    "a circle of redirects": (Reply(302, headers={"Location": "/"}),) * 2,
    "a job that never ends": (job("RUNNING"), INCOMPLETE),
    "a job that does not say how many rows it deleted": (job("DONE"), COMPLETE),
    "a count that is none": (job("DONE", query={"numDmlAffectedRows": "many"}), COMPLETE),
}


@pytest.fixture
def server():
    running = ScriptedServer()
    yield running
    running.close()


@pytest.mark.parametrize(("submitted", "asked_again"), FAILURES.values(), ids=FAILURES)
def test_forgetting_ends_in_a_sentence_whatever_answers(
    server, submitted, asked_again, monkeypatch
):
    monkeypatch.setattr(queries, "_SUBMIT_SECONDS", 0.5)
    monkeypatch.setattr(forget, "_SECONDS", 0.5)
    server.then, server.models = submitted, asked_again
    settings = BigQuerySettings("p", "d", server.url.removesuffix("/v1"), "127.0.0.1:1")
    with pytest.raises(TablesError, match=r"p\.d"):
        forget.delete_author(settings, "0" * 32)
    if submitted is HANGS:
        assert server.abandoned.acquire(timeout=240)


def test_what_may_be_no_right_or_no_dataset_is_said_to_be_either_with_both_ways_out(server):
    server.then = error(403)
    settings = BigQuerySettings("p", "d", server.url.removesuffix("/v1"), "127.0.0.1:1")
    with pytest.raises(TablesError, match=r"dataEditor.*weir tables .*--create-dataset"):
        forget.delete_author(settings, "0" * 32)
