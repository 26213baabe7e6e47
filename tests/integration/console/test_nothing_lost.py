"""BigQuery dies and comes back, and 50 ask at once: nothing typed is lost, and nothing doubled."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from itertools import cycle, islice

import pytest

from tests.integration.bigquery.cases import screenings, stored
from tests.integration.console.desk import desk
from weir.infra.local import bigquery_emulator
from weir.pipelines.bigquery.tables import create_tables
from weir.transforms.kafka.settings import KafkaSettings
from weir.transforms.write.bigquery.appender import Appender
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.rows import ROWS, project
from weir.transforms.write.bigquery.sink import BigQuerySettings

KINDS = ("review-decide", "complaint-open", "policy-save", "letters-redrive")
READ = ("/now/dead", "/review?queue=all", "/dead-letters", "/changes", "/runs")
APPENDED, ROWS_APPENDED = "appended", 2_000


@pytest.fixture(scope="module")
def mortal(tmp_path_factory):
    """A dataset in an emulator that keeps its rows on disk, and the server to kill."""
    with bigquery_emulator(data_dir=tmp_path_factory.mktemp("bigquery") / "data") as emulator:
        addresses = emulator.rest_endpoint, emulator.grpc_endpoint
        settings = BigQuerySettings(emulator.project, "weir", *addresses)
        create_tables(settings, create_dataset=True)
        yield settings, emulator.server


@pytest.fixture(scope="module")
def at_desk(mortal, kafka, tmp_path_factory):
    """Somebody at a console of that dataset."""
    settings, _ = mortal
    with desk(
        settings, KafkaSettings(kafka), tmp_path_factory.mktemp("policies"), "meanwhile"
    ) as at:
        yield at


@dataclass(frozen=True)
class Outage:
    """Forms by their kind, and what came of them; what was done and recorded once it was over."""

    typed: dict
    during: dict
    after: dict
    read: list  # statuses of pages that were asked for as BigQuery died
    done: Counter
    recorded: Counter


@pytest.fixture(scope="module")
def outage(mortal, at_desk):
    settings, server = mortal
    typed = at_desk.forms(0)
    stream = settings.stream("screenings")
    appender = Appender(lambda: AppendConnection(settings.write_client(), stream), "screenings")
    batches = [
        project(screenings(APPENDED, start, start + 100), ROWS["screenings"])
        for start in range(0, ROWS_APPENDED, 100)
    ]
    for batch in batches[:10]:
        appender.append(batch)
    with ThreadPoolExecutor(len(READ) + 1) as others:
        reading = [others.submit(at_desk.read, path) for path in READ]
        server.kill()
        rest = others.submit(lambda: [*map(appender.append, batches[10:]), appender.drain()])
        during = {kind: at_desk.send(form) for kind, form in typed.items()}
        server.start()
        after = {kind: at_desk.send(answer.form) for kind, answer in during.items()}
        rest.result(120)
    appender.close()
    for form in typed.values():
        assert at_desk.send(form).status == HTTPStatus.OK
    read = [each.result().status for each in reading]
    return Outage(typed, during, after, read, *at_desk.done())


def test_nothing_that_is_appended_meanwhile_is_lost(mortal, outage):
    assert stored(mortal[0], "screenings", APPENDED)[1] == ROWS_APPENDED


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_that_is_sent_without_bigquery_comes_back_with_all_that_it_held(outage, kind):
    answer = outage.during[kind]
    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    path, typed = outage.typed[kind]
    lists = {name: said if isinstance(said, list) else [said] for name, said in typed.items()}
    assert answer.form == (path, lists)


@pytest.mark.parametrize("kind", KINDS)
def test_sent_again_by_the_same_console_it_is_done_and_recorded_once(outage, kind):
    assert outage.after[kind].status == HTTPStatus.OK
    assert outage.done[kind] == outage.recorded[kind] == 1


def test_pages_that_are_asked_for_as_it_dies_say_so(outage):
    assert set(outage.read) <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}


def test_of_50_requests_at_once_each_is_answered_and_no_change_is_made_twice(at_desk, outage):
    typed = at_desk.forms(1)
    asked = [partial(at_desk.send, typed[kind]) for kind in islice(cycle(KINDS), 16)]
    asked += [partial(at_desk.read, path) for path in islice(cycle(READ), 34)]
    with ThreadPoolExecutor(50) as people:
        answers = list(people.map(lambda ask: ask(), asked))
    assert [answer.status for answer in answers] == [HTTPStatus.OK] * 50
    done, recorded = at_desk.done()
    assert done - outage.done == dict.fromkeys(KINDS, 1)
    assert recorded - outage.recorded == dict.fromkeys([*KINDS, "letters-sending"], 1)
