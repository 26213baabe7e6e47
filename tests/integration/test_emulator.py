import http.client
import json

import pytest


def ask(emulator, method, path, body=None, **headers):
    """Return the status and the text of the emulator's answer."""
    address = emulator.rest_endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=240)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "text/plain"} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def run_query(emulator, sql, **headers):
    path = f"/bigquery/v2/projects/{emulator.project}/queries"
    return ask(emulator, "POST", path, {"query": sql, "useLegacySql": False}, **headers)


def test_a_query_reads_no_file(emulator, tmp_path):
    (tmp_path / "secret").write_text("the contents")
    _, answer = run_query(emulator, f"SELECT content FROM read_text('{tmp_path / 'secret'}')")
    assert "the contents" not in answer
    assert "disabled by configuration" in answer


def test_a_query_writes_no_file(emulator, tmp_path):
    run_query(emulator, f"COPY (SELECT 1) TO '{tmp_path / 'planted'}'")
    assert not (tmp_path / "planted").exists()


def test_no_query_opens_the_files_again(emulator, tmp_path):
    (tmp_path / "secret").write_text("the contents")
    run_query(emulator, "SET enable_external_access = true")
    _, answer = run_query(emulator, f"SELECT content FROM read_text('{tmp_path / 'secret'}')")
    assert "the contents" not in answer


@pytest.mark.parametrize("kind", ["CSV", "AVRO", "NEWLINE_DELIMITED_JSON"])
def test_a_job_loads_no_file(emulator, bigquery, tmp_path, kind):
    (tmp_path / "secret").write_text("the contents")
    table = {"projectId": emulator.project, "datasetId": bigquery.dataset, "tableId": "loaded"}
    load = {
        "sourceUris": [(tmp_path / "secret").as_uri()],
        "sourceFormat": kind,
        "autodetect": True,
        "destinationTable": table,
    }
    path = f"/bigquery/v2/projects/{emulator.project}/jobs"
    _, answer = ask(emulator, "POST", path, {"configuration": {"load": load}})
    assert "no files" in answer


def test_nothing_is_uploaded(emulator):
    path = f"/upload/bigquery/v2/projects/{emulator.project}/jobs?uploadType=resumable"
    assert ask(emulator, "POST", path, {"configuration": {}})[0] == 403


def test_a_program_of_this_machine_is_answered(emulator):
    status, answer = run_query(emulator, "SELECT 40 + 2 AS answer")
    assert status == 200
    assert "42" in answer


def test_a_web_page_is_refused(emulator):
    assert run_query(emulator, "SELECT 1", Origin="http://example.com")[0] == 403


@pytest.mark.parametrize("host", ["example.com:80", "127.0.0.1.example.com:80", "127.0.0.1", ""])
def test_a_name_that_somebody_else_gave_this_machine_is_refused(emulator, host):
    assert run_query(emulator, "SELECT 1", Host=host)[0] == 403


def test_a_table_made_of_a_query_has_the_columns_that_it_declares(emulator, bigquery):
    # One step of the emulator takes the columns out of the statement, before another reads them.
    declared = f"CREATE TABLE `{bigquery.dataset}.declared` (a FLOAT64 NOT NULL, b STRING)"
    _, answer = run_query(emulator, f"{declared} AS SELECT 1.5 AS a, 'x' AS b")
    fields = json.loads(answer)["schema"]["fields"]
    assert [(each["name"], each["type"], each["mode"]) for each in fields] == [
        ("a", "FLOAT", "REQUIRED"),
        ("b", "STRING", "NULLABLE"),
    ]
