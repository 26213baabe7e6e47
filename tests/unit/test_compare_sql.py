"""The SQL of a comparison is GoogleSQL, and reads only the time that is compared."""

from datetime import date

import pytest
import sqlglot
from sqlglot import exp

from weir.pipelines.compare.pairs import CELLS, FLIPS, POSTS, pairs_of
from weir.pipelines.compare.sides import Side

DAY = date(2026, 3, 4)
RUN = Side("live", "live", None, None, DAY, DAY)
VERSION = Side("v1", None, "v1", "spam", DAY, DAY)
WITHIN = Side("live@v2", "live", "v2", "spam", DAY, DAY)


@pytest.mark.parametrize("a", [RUN, VERSION, WITHIN], ids=lambda side: side.name)
@pytest.mark.parametrize("b", [RUN, VERSION, WITHIN], ids=lambda side: side.name)
@pytest.mark.parametrize("asked", [CELLS, POSTS, FLIPS], ids=["cells", "posts", "flips"])
def test_the_sql_is_googles_and_every_table_is_cut_to_the_time_that_is_compared(a, b, asked):
    pairs = pairs_of(a, b, None)
    (statement,) = sqlglot.parse(
        pairs.sql.replace("{dataset}", "project.weir") + asked, dialect="bigquery"
    )
    tables = [t for t in statement.find_all(exp.Table) if t.db == "weir"]
    assert {table.name for table in tables} == {"screenings", "verdicts"}
    for table in tables:
        cut = table.parent_select.args["where"].sql(dialect="bigquery")
        assert "created_at >= @since AND created_at < @until" in cut
    used = {p.name for p in statement.find_all(exp.Parameter)}
    assert used - {"since", "until", "one_policy", "most"} == set(pairs.values)
