"""A list of dead letters whose form was refused, in a console that was given no brokers."""

from urllib.parse import urlencode

from tests.integration.console.desk import Answered
from tests.integration.console.reviewing import DAY
from tests.integration.stored import put
from tests.rows import dead_letter
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.dead_letters.letters import PAGE
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.setup import Setup


def test_letters_that_were_chosen_on_a_later_page_are_there_again(bigquery, run):
    rows = [dead_letter(run, n, "decode", "invalid_json") for n in range(PAGE + 1)]
    put(bigquery, "dead_letters", rows)
    # All died at one time: letters then stand by their ids.
    *_, before_last, last = sorted(row["decision_id"] for row in rows)
    after = f"{rows[0]['died_at'].isoformat()},{before_last}"
    asked = urlencode({"since": DAY, "until": DAY, "run": run, "after": after})
    with console_beside(Setup(bigquery, OnLoopback("ada"))) as address:
        console = address.rstrip("/")
        to, fields = Answered(f"{console}/dead-letters/letters?{asked}").form
        again = Answered(f"{console}{to}", fields | {"chosen": [last]})
    assert again.status == 400
    assert "--brokers" in again.page
    assert f'value="{last}" checked' in again.page
