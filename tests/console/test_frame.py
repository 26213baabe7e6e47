"""What is around every page, in a real browser."""

import pytest
from markupsafe import Markup

from tests.console.browsing import (
    Watched,
    assert_accessible,
    assert_accessible_in_every_look,
    wait_until_filled,
)
from tests.console.conftest import ATTACK
from weir.pipelines.console import templates, web
from weir.pipelines.console.rooms import ROOMS, Room
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.visit import Page, Shown

PATHS = [room.path for room in ROOMS]


@pytest.mark.parametrize("path", PATHS)
def test_each_room_opens_and_axe_finds_no_serious_fault_in_any_look(page, path):
    assert page.goto(path).ok
    wait_until_filled(page)
    assert_accessible_in_every_look(page, path.strip("/"))


def test_the_first_tab_leads_past_the_links_to_the_content(page):
    page.goto("/now")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_a_question_mark_shows_the_keys_and_g_with_a_letter_goes_to_a_room(page):
    page.goto("/now")
    page.keyboard.press("?")
    assert "Dead letters" in page.locator("#keys").inner_text()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/dead-letters")


@pytest.fixture
def unsafe(setup, monkeypatch):
    """The address of a console with a page that shows a post as it is, and a part of a page."""
    shown = Shown("layout/plain.html.j2", {"message": Markup(ATTACK)})
    part = Shown("layout/plain.html.j2", {"message": Markup('<div data-from="/unsafe"></div>')})
    pages = (Page("/unsafe", lambda _: shown), Page("/with-part", lambda _: part))
    monkeypatch.setattr(web, "ROOMS", (Room("Unsafe", "/unsafe", pages),))
    with console_beside(setup) as address:
        yield address


@pytest.mark.parametrize("path", ["unsafe", "with-part"])
def test_were_a_post_not_escaped_its_scripts_would_still_not_run(browser, unsafe, path):
    context, watched = browser.new_context(), Watched(unsafe)
    page = watched.watch(context.new_page())
    answered = []
    page.on("response", lambda response: answered.append(response.url))
    page.goto(f"{unsafe}{path}")
    page.wait_for_selector("iframe", state="attached")
    page.wait_for_load_state("networkidle")
    assert page.title() == "Not here · Weir"
    assert any("Content Security Policy" in fault for fault in watched.faults)
    assert all(each.startswith(unsafe) for each in answered if "chrome-error:" not in each)
    context.close()


@pytest.fixture
def unescaped(setup, monkeypatch):
    """The address of a console whose every page shows texts as they are."""
    made = templates._environment.__wrapped__()
    made.autoescape = False
    monkeypatch.setattr(templates, "_environment", lambda: made)
    with console_beside(setup) as address:
        yield address


def test_with_escaping_taken_out_everywhere_no_script_of_a_stored_post_runs(browser, unescaped):
    context, watched = browser.new_context(base_url=unescaped), Watched(unescaped)
    page = watched.watch(context.new_page())
    answered = []
    page.on("response", lambda response: answered.append(response.url))
    page.goto("/posts?run=demo&id=hostile")
    page.wait_for_selector("iframe", state="attached")  # the post's
    page.wait_for_load_state("networkidle")
    assert page.title() == "Posts · Weir"
    page.goto(page.locator("a[href*='/posts/']").first.get_attribute("href"))
    page.wait_for_selector("iframe", state="attached")
    assert "ran" not in page.title()
    assert any("Content Security Policy" in fault for fault in watched.faults)
    assert all(each.startswith(unescaped) for each in answered if "chrome-error:" not in each)
    context.close()
