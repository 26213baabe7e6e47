"""The questions of docs/analyst.md can be asked."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from weir.infra.bigquery.ddl import VIEWS
from weir.pipelines.bigquery.queries import execute

PAGE = (Path(__file__).parents[2] / "docs" / "analyst.md").read_text("utf-8")
QUESTIONS = re.findall(r"^## (\d+\. .*?)\n.*?```sql\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)


def test_there_are_ten():
    assert [title.split(".")[0] for title, _ in QUESTIONS] == [str(n) for n in range(1, 11)]


@pytest.mark.parametrize(("title", "sql"), QUESTIONS, ids=[title for title, _ in QUESTIONS])
def test_a_question_is_sql_that_runs(bigquery, title, sql):
    dataset = f"{bigquery.project}.{bigquery.dataset}"
    with closing(bigquery.client()) as client:
        execute(client, sql.replace("`weir.", f"`{dataset}."))


@pytest.mark.parametrize(("title", "sql"), QUESTIONS, ids=[title for title, _ in QUESTIONS])
def test_a_question_names_its_run_and_its_days(title, sql):
    assert re.search(r"\brun (=|IN)", sql)
    assert re.search(r"\b(day|created_at) (>=|BETWEEN|=)", sql)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_listed(view):
    assert f"| `{view}` |" in PAGE
