"""Tables that are old, missing or not ours."""

import contextlib
import uuid
from dataclasses import replace

import pytest

from tests.integration.bigquery.cases import (
    put,
    query,
    stored,
)
from tests.rows import screening
from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.bigquery.tables import check_tables, create_tables
from weir.transforms.write.bigquery.sink import BigQuerySettings


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
