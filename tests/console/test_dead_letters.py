"""Dead letters in a browser: looked at, and sent back by keyboard."""

from dataclasses import replace

import pytest
from kafka.admin import NewTopic

from tests.console.browsing import (
    assert_accessible,
    assert_accessible_in_every_look,
    picture,
)
from tests.console.conftest import ATTACK
from tests.integration.stored import put
from tests.integration.test_dead_letter_topic import failed, read, write
from tests.rows import NOON
from weir.pipelines.console.server import console_beside

_TOPIC, _DEAD = "browsed", "browsed-dead"
_DAY = "since=2026-03-04&until=2026-03-04"


@pytest.fixture(scope="module")
def letters(stack):
    """Letters on a topic of their own and in the table, one of which attacks; their ids."""
    admin = stack.kafka.admin()
    admin.create_topics([NewTopic(_TOPIC, 4, 1), NewTopic(_DEAD, 1, 1)])
    admin.close()
    batch = failed(_TOPIC, *range(120), headers=[(ATTACK[:200], ATTACK.encode())])
    write(stack.kafka, _DEAD, batch)
    rows = [row | {"died_at": NOON, "error": ATTACK} for row in batch.to_pylist()]
    put(stack.bigquery, "dead_letters", rows)
    return [row["decision_id"] for row in rows]


@pytest.fixture(scope="module")
def console(setup, letters):
    """The address of a console that knows the letters' topics."""
    with console_beside(replace(setup, topics=(_TOPIC,), dead_letter_topic=_DEAD)) as address:
        yield address


def test_causes_letters_and_a_message_open_in_every_look(page, letters):
    message = f"/dead-letters/letters/{letters[0]}/message?day=2026-03-04"
    for name, path in (
        ("causes", f"/dead-letters?{_DAY}"),
        ("letters", f"/dead-letters/letters?{_DAY}"),
        ("letter", message.replace("/message", "")),
        ("message", message),
        ("deferred", "/dead-letters/deferred"),
    ):
        assert page.goto(path).ok
        assert_accessible_in_every_look(page, f"dead-{name}")
        assert page.title() != "ran"


def test_a_letter_is_chosen_counted_and_sent_back_by_keyboard(page, stack, letters):
    page.goto(f"/dead-letters?{_DAY}")
    page.get_by_role("link", name="invalid_json").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/dead-letters/letters?**")
    page.locator("input[name=chosen]").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("s")
    page.wait_for_url("**/dead-letters/check")
    assert_accessible(page)
    picture(page, "dead-check")
    page.get_by_label("Why").fill("they are read now")
    page.keyboard.press("Enter")
    page.wait_for_url("**/dead-letters/letters?**")
    assert "1 sent back to their topics" in page.get_by_role("status").inner_text()
    assert page.get_by_text("sent again").count() == 1
    assert len(read(stack.kafka, _TOPIC, 4)) == 1


def test_the_page_after_the_first_hundred_has_the_rest(page, letters):
    page.goto(f"/dead-letters/letters?{_DAY}")
    first = page.locator("input[name=chosen]").count()
    page.keyboard.press("n")
    page.wait_for_url("**after=**")
    assert (first, page.locator("input[name=chosen]").count()) == (100, 20)
