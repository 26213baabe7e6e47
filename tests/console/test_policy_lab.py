"""Policies written, tried and put in shadow in a real browser."""

import re
from pathlib import Path

import pytest

from tests.console.browsing import (
    assert_accessible,
    assert_accessible_in_every_look,
    looks,
    picture,
    wait_until_filled,
)
from tests.written_policy import written
from weir.policies.loading import load_policies
from weir.policies.policy import Status

_CHOSEN = "(a => a.value.slice(a.selectionStart, a.selectionEnd))(document.activeElement)"


@pytest.fixture
def begun(setup, request):
    """The id of a policy that is a draft, and of no other test."""
    policy_id = re.sub("[^a-z]+", "-", request.node.name.lower())[:60].strip("-")
    place = Path(setup.policies) / policy_id
    place.mkdir()
    document, examples = written(policy_id)
    (place / "policy.draft.md").write_text(document)
    (place / "examples.draft.csv").write_text(examples)
    return policy_id


def test_every_page_of_a_policy_is_accessible_in_every_look(page):
    for path in ("/policies/spam", "/policies/spam/versions", "/policies/spam/try"):
        assert page.goto(path).ok
        wait_until_filled(page)
        assert_accessible_in_every_look(page, path.strip("/").replace("/", "-"))


def test_findings_appear_as_one_types_and_lead_to_their_line_in_every_look(page, begun):
    page.goto(f"/policies/{begun}")
    text = page.locator("#document")
    text.fill(text.input_value().replace("**Copy**", "usually **Copy**"))
    page.get_by_text("'usually' is vague").wait_for()
    for look in looks(page):
        assert_accessible(page, look)
        picture(page, f"policy-editor-{look}")
        page.locator("#findings a[data-line]").click()
        assert "usually" in page.evaluate(_CHOSEN)
        text.press("Home")
        assert not page.evaluate(_CHOSEN)


def test_a_new_policy_is_in_shadow_by_keyboard_alone(page, setup):
    page.goto("/policies")
    wait_until_filled(page)
    page.keyboard.press("n")
    page.keyboard.type("loud-noise")
    page.keyboard.press("Tab")
    page.keyboard.type("Loud noise")
    page.keyboard.press("Enter")
    page.wait_for_url("**/policies/loud-noise")
    page.keyboard.press("e")
    page.keyboard.press("Control+End")
    page.keyboard.type('- "Who sells earplugs?" → violation 0: a question.')
    page.get_by_role("link", name="policy.md line").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("\n\nVIOLATES is whatever is loud.")
    page.get_by_text("lines of Definitions are still the template's").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    page.get_by_role("heading", name="what changes").wait_for()
    assert_accessible(page)
    picture(page, "policy-compare")
    page.keyboard.type("we saw it yesterday")
    page.keyboard.press("Enter")
    page.wait_for_url("**/policies/loud-noise")
    assert "In shadow" in page.locator(".said-so").inner_text()
    policy = load_policies(setup.policies)["loud-noise"]
    assert policy.status is Status.SHADOW
    assert "earplugs" in policy.text
    page.goto("/policies/loud-noise/versions")
    assert "we saw it yesterday" in page.locator("table").inner_text()


def test_what_was_typed_is_there_again_after_leaving_the_page_and_can_be_dropped(page, begun):
    text = page.locator("#document")
    page.goto(f"/policies/{begun}")
    before = text.input_value()
    text.fill(typed := before.replace("a swap.", "an exchange."))
    page.goto("/changes")
    page.goto(f"/policies/{begun}")
    assert text.input_value() == typed
    assert_accessible(page)
    page.get_by_role("button", name="Drop it").click()
    assert text.input_value() == before
    page.reload()
    assert text.input_value() == before


def test_what_was_typed_is_not_put_over_what_somebody_has_written_since(page, begun, setup):
    text = page.locator("#document")
    page.goto(f"/policies/{begun}")
    text.fill(text.input_value().replace("a swap.", "an exchange."))
    page.goto("/changes")
    draft = Path(setup.policies, begun, "policy.draft.md")
    draft.write_text(theirs := draft.read_text().replace("Trust & Safety", "Somebody else"))
    page.goto(f"/policies/{begun}")
    assert text.input_value() == theirs


def test_what_two_write_at_once_is_shown_to_the_second(open_page, begun):
    first, second = open_page(), open_page()
    for page, words in ((first, "of the first"), (second, "of the second")):
        page.goto(f"/policies/{begun}")
        text = page.locator("#document")
        text.fill(text.input_value().replace("a swap.", f"a swap, {words}."))
        page.get_by_role("button", name="Save as a draft").click()
        page.get_by_label("Why").fill("it was unclear")
    first.get_by_role("button", name="Save as a draft").click()
    first.wait_for_url(f"**/policies/{begun}")
    second.get_by_role("button", name="Save as a draft").click()
    second.get_by_text("Somebody changed it meanwhile").wait_for()
    assert_accessible(second)
    picture(second, "policy-conflict")
    # A refusal is a failed request to a browser.
    open_page.watched.faults = [f for f in open_page.watched.faults if "409" not in f]
    second.get_by_role("button", name="Go on with mine").click()
    assert "of the second" in second.locator("#document").input_value()


def test_a_text_is_tried_on_its_examples_and_on_pasted_posts(page, begun):
    page.goto(f"/policies/{begun}")
    page.get_by_role("button", name="Try this text").click()
    page.get_by_label("Posts of your own").fill("<b>40 tickets</b> from my bot, message me")
    picture(page, "policy-try")
    page.get_by_role("button", name="Try it").click()
    page.get_by_text("Done").wait_for()
    page.get_by_text("Every post").click()
    assert page.get_by_text("<b>40 tickets</b>").count() == 1
    assert_accessible(page)
    picture(page, "policy-trial")
