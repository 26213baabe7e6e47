"""The whole job, judged by a server that goes away in the middle of it."""

import threading

from tests.integration.test_moderate import Job, post
from tests.scripted_server import VIOLATES, ScriptedServer, chat


def test_a_job_waits_for_its_server_and_loses_nothing(kafka, bigquery):
    server = ScriptedServer()
    server.then = chat(VIOLATES, prompt_tokens=700, completion_tokens=40)
    job = Job(kafka, bigquery)
    job.send(post(number, f"buy cheap followers now {number}") for number in range(40))
    arguments = [f"--endpoint-url={server.url}", "--audit-rate=1"]
    goes_away = threading.Thread(target=_outage, args=(server,))
    goes_away.start()
    try:
        counts = job.run("--engine=endpoint", *arguments)
    finally:
        goes_away.join()
        server.close()
    assert counts.imbalances() == []
    assert counts.dead_letters == 0
    assert counts.verdicts == counts.violations > 40
    (row,) = job.rows(
        "SELECT DISTINCT engine, model, tokens_in, tokens_out FROM `{dataset}.verdicts` "
        "WHERE run = @run"
    )
    assert (row["engine"], row["model"]) == ("endpoint", "gpt-oss-safeguard:20b")
    assert (row["tokens_in"], row["tokens_out"]) == (700, 40)


def _outage(server: ScriptedServer) -> None:
    """After 30 questions, be down until 5 requests have noticed."""
    for _ in range(30):
        server.arrived.acquire(timeout=240)
    server.down = True
    for _ in range(5):
        server.dropped.acquire(timeout=240)
    server.down = False
