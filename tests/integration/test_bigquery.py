"""Rows through the Storage Write API into the emulator."""

import contextlib
import os
import signal
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, is_empty
from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

from tests.rows import dead_letter, deferral, screening, verdict
from weir.infra.local import bigquery_emulator
from weir.infra.local.children import free_ports
from weir.pipelines.bigquery.tables import TablesError, check_tables, create_tables
from weir.transforms.counts import counts_of
from weir.transforms.records import DEAD_LETTER, DEFERRAL, SCREENING, VERDICT
from weir.transforms.write.bigquery.appender import Appender
from weir.transforms.write.bigquery.connection import AppendConnection
from weir.transforms.write.bigquery.rows import ROWS, project
from weir.transforms.write.bigquery.sink import BigQuerySettings, WriteToBigQuery

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


@pytest.fixture
def run():
    return f"run-{uuid.uuid4().hex[:8]}"


def write(settings, table, batches, run, check=None):
    """Run the transform over the batches in one process; return what was counted."""
    pipeline = beam.Pipeline(runner=IN_PROCESS)
    refused = (
        pipeline
        | beam.Create(batches, reshuffle=False)
        | WriteToBigQuery(settings, table, run=run, cluster="c")
    )
    if check is not None:
        check(refused)
    result = pipeline.run()
    result.wait_until_finish()
    return counts_of(result)


def query(settings, sql, run):
    config = QueryJobConfig(query_parameters=[ScalarQueryParameter("run", "STRING", run)])
    sql = sql.replace("{dataset}", f"{settings.project}.{settings.dataset}")
    with contextlib.closing(settings.client()) as client:
        job = client.query(sql, config, retry=None, timeout=240)
        return [dict(row.items()) for row in job.result(retry=None, timeout=240)]


def stored(settings, table, run):
    counts = "COUNT(*) AS n, COUNT(DISTINCT decision_id) AS ids"
    sql = f"SELECT {counts} FROM `{{dataset}}.{table}` WHERE run = @run"
    row = query(settings, sql, run)[0]
    return row["n"], row["ids"]


def screenings(run, start, stop):
    rows = [screening(run, offset, spam="clear") for offset in range(start, stop)]
    return pa.RecordBatch.from_pylist(rows, SCREENING)


def test_every_row_is_stored_once(bigquery, run):
    batches = [screenings(run, start, start + 500) for start in range(0, 5000, 500)]

    def nothing(refused):
        assert_that(refused, is_empty())

    counts = write(bigquery, "screenings", batches, run, nothing)
    assert stored(bigquery, "screenings", run) == (5000, 5000)
    assert counts.dead_letters_write == 0


def test_a_stored_row_reads_as_it_was_written(bigquery, run):
    row = verdict(run, 7, "spam", "violates", text="\U0001f600 'quoted' \x00 ``", headers=None)
    write(bigquery, "verdicts", [pa.RecordBatch.from_pylist([row], VERDICT)], run)
    (read,) = query(bigquery, "SELECT * FROM `{dataset}.verdicts` WHERE run = @run", run)
    expected = {name: row.get(name) for name in VERDICT.names}
    assert read == expected | {"categories": [], "rule_ids": ["R1"]}


def test_a_batch_larger_than_a_request_is_stored(bigquery, run):
    rows = [verdict(run, n, "spam", "safe", text="x" * 900_000) for n in range(20)]
    write(bigquery, "verdicts", [pa.RecordBatch.from_pylist(rows, VERDICT)], run)
    assert stored(bigquery, "verdicts", run) == (20, 20)


def test_a_row_that_bigquery_refuses_is_a_dead_letter_alone(bigquery, run):
    rows = [verdict(run, n, "spam", "safe", text="good") for n in range(40)]
    batch = pa.RecordBatch.from_pylist(rows, VERDICT)
    texts = [b"good"] * 40
    texts[13] = b"\xff\xfe"  # not UTF-8, which the service checks and Arrow does not
    broken = pa.array(texts, pa.binary()).view(pa.string())
    batch = batch.set_column(batch.schema.get_field_index("text"), VERDICT.field("text"), broken)
    letters = []

    def one_letter(refused):
        def check(batches):
            letters.extend(row for each in batches for row in each.to_pylist())
            assert [row["offset"] for row in letters] == [13]
            assert letters[0]["stage"] == "write"
            assert letters[0]["policy_id"] == "spam"

        assert_that(refused, check)

    counts = write(bigquery, "verdicts", [batch], run, one_letter)
    assert stored(bigquery, "verdicts", run) == (39, 39)
    assert counts.dead_letters_write == counts.dead_letters == 1


def test_rows_and_queries_reach_this_machine_whatever_proxy_is_set(bigquery, proxy_elsewhere, run):
    write(bigquery, "screenings", [screenings(run, 0, 10)], run)
    assert stored(bigquery, "screenings", run) == (10, 10)


def test_nothing_is_lost_when_the_service_dies_and_comes_back(tmp_path, run):
    rest_port, grpc_port = free_ports(2)
    ports = rest_port, grpc_port
    with contextlib.ExitStack() as first_life:
        emulator = first_life.enter_context(
            bigquery_emulator(data_dir=tmp_path / "data", ports=ports)
        )
        settings = BigQuerySettings(
            emulator.project, "weir", emulator.rest_endpoint, emulator.grpc_endpoint
        )
        create_tables(settings, create_dataset=True)
        appender = Appender(
            lambda: AppendConnection(settings.write_client(), settings.stream("screenings")),
            "screenings",
        )
        batches = [
            project(screenings(run, start, start + 100), ROWS["screenings"])
            for start in range(0, 2000, 100)
        ]
        for batch in batches[:10]:
            appender.append(batch)
        os.kill(emulator.pid, signal.SIGKILL)
        rest = threading.Thread(
            target=lambda: [*map(appender.append, batches[10:]), appender.drain()]
        )
        rest.start()
    with bigquery_emulator(data_dir=tmp_path / "data", ports=ports):
        rest.join(120)
        assert not rest.is_alive()
        appender.close()
        assert stored(settings, "screenings", run)[1] == 2000


def put(settings, run, screened=(), judged=(), dead=(), deferred=()):
    for table, schema, rows in (
        ("screenings", SCREENING, screened),
        ("verdicts", VERDICT, judged),
        ("dead_letters", DEAD_LETTER, dead),
        ("deferrals", DEFERRAL, deferred),
    ):
        if rows:
            write(settings, table, [pa.RecordBatch.from_pylist(list(rows), schema)], run)


def view(settings, name, run, order):
    return query(
        settings, f"SELECT * FROM `{{dataset}}.{name}` WHERE run = @run ORDER BY {order}", run
    )


def labels(settings, run):
    rows = view(settings, "labels", run, "`offset`, policy_id")
    return {(r["offset"], r["policy_id"]): (r["label"], r["decided_by"]) for r in rows}


def test_a_label_says_who_decided(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, 1, spam="clear", hate="escalate"), screening(run, 2, spam="audit")],
        [verdict(run, 1, "hate", "violates")],
    )
    assert labels(bigquery, run) == {
        (1, "spam"): ("cleared", "screen"),
        (1, "hate"): ("violates", "judge"),
        (2, "spam"): ("undecided", None),
    }


def test_a_newer_version_of_a_policy_has_the_last_word(bigquery, run):
    later = datetime(2026, 3, 5, tzinfo=UTC)
    put(
        bigquery,
        run,
        [screening(run, 1, spam="escalate")],
        [
            verdict(run, 1, "spam", "safe", policy_version="v2", judged_at=later),
            verdict(run, 1, "spam", "violates", policy_version="v1"),
        ],
    )
    assert labels(bigquery, run) == {(1, "spam"): ("safe", "judge")}


def test_runs_have_labels_of_their_own(bigquery, run):
    put(bigquery, run, [screening(run, 1, spam="clear")])
    put(bigquery, run, [screening(run + "-b", 1, spam="forced")])
    assert labels(bigquery, run) == {(1, "spam"): ("cleared", "screen")}
    assert labels(bigquery, run + "-b") == {(1, "spam"): ("undecided", None)}


def test_redelivery_leaves_every_view_as_it_was(bigquery, run):
    views = {
        "labels": "`offset`, policy_id",
        "daily_rates": "policy_id",
        "dead_letter_causes": "stage",
        "conservation": "run",
    }

    def deliver(at):
        put(
            bigquery,
            run,
            [
                screening(run, 1, spam="clear", hate="escalate", screened_at=at),
                screening(run, 2, spam="forced", hate="escalate", screened_at=at),
                screening(run, 3, spam="escalate", screened_at=at),
            ],
            [
                verdict(run, 1, "hate", "indeterminate", judged_at=at),
                verdict(run, 2, "spam", "violates", judged_at=at, route="forced"),
            ],
            [
                dead_letter(run, 3, "judge", "engine_error", policy_id="spam", died_at=at),
                dead_letter(run, 4, "decode", "invalid_json", died_at=at),
            ],
            [deferral(run, 2, "hate", deferred_at=at)],
        )

    deliver(NOON)
    before = {name: view(bigquery, name, run, order) for name, order in views.items()}
    deliver(NOON.replace(hour=13))
    assert {name: view(bigquery, name, run, order) for name, order in views.items()} == before
    assert before["conservation"] == [
        {
            "run": run,
            "posts": 3,
            "dead_before_screen": 1,
            "pairs": 5,
            "cleared": 1,
            "judged": 2,
            "deferred": 1,
            "dead_at_escalation": 0,
            "dead_at_judge": 1,
            "dead_at_write": 0,
            "unaccounted": 0,
            "unrecorded": 0,
        }
    ]


def test_an_escalation_without_an_answer_is_unaccounted(bigquery, run):
    put(bigquery, run, [screening(run, 1, spam="escalate", hate="clear")])
    assert view(bigquery, "conservation", run, "run")[0]["unaccounted"] == 1


def test_what_is_screened_again_after_a_policy_was_retired_is_accounted_for(bigquery, run):
    again = NOON + timedelta(seconds=9)
    put(
        bigquery,
        run,
        [
            screening(run, 0, spam="escalate", hate="clear", fraud="escalate"),
            screening(run, 0, fraud="escalate", screen_version="s2", screened_at=again),
            screening(run, 1, spam="clear", fraud="escalate"),
            screening(run, 1, fraud="clear", screen_version="s2", screened_at=again),
        ],
        [verdict(run, 0, "fraud", "safe")],
    )
    assert labels(bigquery, run) == {
        (0, "hate"): ("cleared", "screen"),
        (0, "fraud"): ("safe", "judge"),
        (1, "spam"): ("cleared", "screen"),
        (1, "fraud"): ("cleared", "screen"),
    }
    assert view(bigquery, "conservation", run, "run")[0]["unaccounted"] == 0


def test_what_is_deferred_waits_until_it_is_judged_or_dies(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, n, spam="escalate") for n in range(3)],
        deferred=[deferral(run, n, "spam") for n in range(3)],
    )
    waiting = view(bigquery, "labels", run, "`offset`")
    assert [(row["label"], row["route"], row["deferred"]) for row in waiting] == [
        ("undecided", "escalate", True)
    ] * 3
    counted = {"pairs": 3, "judged": 0, "deferred": 3, "unaccounted": 0}
    assert counted.items() <= view(bigquery, "conservation", run, "run")[0].items()
    put(
        bigquery,
        run,
        judged=[verdict(run, 0, "spam", "safe", judged_at=NOON.replace(hour=11))],
        dead=[dead_letter(run, 1, "judge", "engine_error", policy_id="spam")],
    )
    assert labels(bigquery, run)[0, "spam"] == ("safe", "judge")
    counted = {"pairs": 3, "judged": 1, "deferred": 1, "dead_at_judge": 1, "unaccounted": 0}
    assert counted.items() <= view(bigquery, "conservation", run, "run")[0].items()


def test_a_late_audit_is_no_escalation_and_no_audit_of_the_day(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, n, spam="audit") for n in range(2)],
        [
            verdict(run, 0, "spam", "safe", route="audit", inclusion_probability=0.005),
            verdict(run, 1, "spam", "safe", route="deferred", inclusion_probability=0.01),
        ],
    )
    (day,) = view(bigquery, "daily_rates", run, "policy_id")
    assert (day["judged"], day["audited"], day["escalation_rate"]) == (2, 1, 0)


def test_daily_rates_count_each_post_once(bigquery, run):
    put(
        bigquery,
        run,
        [screening(run, n, spam="escalate" if n < 2 else "clear") for n in range(4)],
        [verdict(run, 0, "spam", "violates"), verdict(run, 1, "spam", "safe")],
    )
    (day,) = view(bigquery, "daily_rates", run, "policy_id")
    counted = {name: day[name] for name in ("posts", "cleared", "judged", "violating", "safe")}
    assert counted == {"posts": 4, "cleared": 2, "judged": 2, "violating": 1, "safe": 1}
    assert (day["violation_rate"], day["escalation_rate"]) == (0.25, 0.5)


def test_dead_letters_are_grouped_by_cause(bigquery, run):
    dead = [dead_letter(run, n, "decode", "invalid_json") for n in range(3)]
    put(bigquery, run, dead=[*dead, dead_letter(run, 9, "decode", "tombstone")])
    causes = view(bigquery, "dead_letter_causes", run, "letters DESC")
    assert [(c["reason"], c["letters"]) for c in causes] == [("invalid_json", 3), ("tombstone", 1)]


def make_old_table(settings):
    with contextlib.closing(settings.client()) as client:
        dataset = f"{settings.project}.{settings.dataset}"
        client.create_dataset(dataset, retry=None, timeout=240)
        old = f"CREATE TABLE `{dataset}.screenings` (decision_id STRING NOT NULL, run STRING)"
        client.query(old, retry=None, timeout=240).result(retry=None)


def test_a_table_of_an_older_version_gets_the_columns_it_lacks(bigquery):
    settings = replace(bigquery, dataset=f"old_{uuid.uuid4().hex[:8]}")
    make_old_table(settings)
    create_tables(settings)
    sql = "SELECT content_id, policies FROM `{dataset}.screenings` WHERE run = @run"
    assert query(settings, sql, "none") == []


def test_a_table_that_lacks_a_column_is_found_before_a_run(bigquery):
    settings = replace(bigquery, dataset=f"old_{uuid.uuid4().hex[:8]}")
    make_old_table(settings)
    with pytest.raises(TablesError, match=r"screenings lacks the column content_id.*weir tables"):
        check_tables(settings)


def test_tables_made_twice_keep_their_rows(bigquery, run):
    put(bigquery, run, [screening(run, 1, spam="clear")])
    create_tables(bigquery)
    check_tables(bigquery)
    assert stored(bigquery, "screenings", run) == (1, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dataset": "no_such_dataset"}, "no_such_dataset.*--create-dataset"),
        ({"rest_endpoint": "http://127.0.0.1:1"}, "127.0.0.1:1 cannot be reached"),
        ({"grpc_endpoint": "127.0.0.1:1"}, "cannot be reached"),
        ({"grpc_endpoint": None}, "Give both"),
        ({"dataset": "weir`; DROP TABLE x"}, "Check the project and the dataset"),
    ],
)
def test_a_dataset_that_cannot_be_written_to_is_named_with_the_way_out(bigquery, change, said):
    with pytest.raises(TablesError, match=said):
        check_tables(replace(bigquery, **change))


def test_without_credentials_the_error_says_how_to_get_them(monkeypatch):
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(TablesError, match="gcloud auth application-default login"):
        check_tables(BigQuerySettings("some-project", "weir"))
