"""What waits on the deferred topic, in the console, against the view."""

from tests.integration.stored import put
from tests.rows import NOON, dead_letter, deferral, screening
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.dead_letters import pages
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.visit import Visit


def test_what_waits_is_what_the_view_of_conservation_counts(bigquery, run):
    put(bigquery, "screenings", [screening(run, n, spam="escalate") for n in range(3)])
    put(bigquery, "deferrals", [deferral(run, n, "spam") for n in range(3)])
    put(bigquery, "dead_letters", [dead_letter(run, 2, "judge", "timeout", policy_id="spam")])
    setup, person = Setup(bigquery, OnLoopback(), run=run), Person("ann", Role.OPERATOR)
    asked = Visit(setup, person, "/deferred", now=NOON)
    rows = [row for row in pages.show_waiting(asked).values["rows"] if row["run"] == run]
    (view,) = asked.rows("SELECT deferred FROM `{dataset}.conservation` WHERE run = @run", run=run)
    assert [row["waiting"] for row in rows] == [view["deferred"]] == [2]
