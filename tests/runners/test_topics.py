"""A topic that matches a pattern is found while a job runs, and read from its beginning."""

import time

from kafka.admin import NewTopic

from tests.runners.stream import Command, post
from weir.pipelines.demo import query

_WAIT_SECONDS = 240


def screened_of(stream, topic):
    sql = "SELECT DISTINCT topic, decision_id FROM `{dataset}.screenings` WHERE run = @run"
    return sum(row["topic"] == topic for row in query(stream.bigquery, sql, stream.name))


def test_a_topic_that_appears_later_is_read_whole_and_what_the_job_writes_is_not(
    stream, prism, tmp_path
):
    stream.send(20)
    new = f"{stream.name}-new"
    named = [each for each in stream.arguments() if not each.startswith("--topics")]
    arguments = [*named, f"--topics=^{stream.name}.*", *prism]
    with Command(arguments, tmp_path / "log") as job:
        stream.wait_until_screened()
        with stream.kafka.admin() as admin:
            admin.create_topics([NewTopic(new, 1, 1)])
        with stream.kafka.producer() as producer:
            for number in range(5):
                producer.send(new, post(number)).get(30)
        deadline = time.monotonic() + _WAIT_SECONDS
        while screened_of(stream, new) < 5:
            assert job.process.poll() is None, job.log.read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(1)
        code, output = job.terminate()
    assert code == 0, output[-3000:]
    for suffix in ("flagged", "dead"):
        assert screened_of(stream, f"{stream.name}-{suffix}") == 0
