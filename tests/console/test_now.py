"""Now and Changes, in a browser: parts fill themselves, and numbers lead to what is behind them."""

import re

import pytest

from tests.console.browsing import (
    assert_accessible_in_every_look,
    broken_words,
    looks,
    wait_until_filled,
)
from weir.pipelines.console import gathering
from weir.pipelines.console.now import pages

PARTS = [page.path for page in pages.PAGES if page.path != "/now"]


def test_the_parts_of_now_fill_themselves(page):
    page.goto("/now")
    page.get_by_text("Being asked for").first.wait_for(state="detached")
    wait_until_filled(page)
    assert page.get_by_text("Being asked for").count() == 0
    lately = page.get_by_label("The last hour and day").locator(".tiles b").all_inner_texts()
    assert int(lately[4]) > 10  # posts in the last day
    assert_accessible_in_every_look(page, "now-filled")


@pytest.mark.parametrize("opened", ["/now", "/now/labels"])
def test_a_part_that_is_not_whole_is_looked_at_again_until_it_is(page, monkeypatch, opened):
    monkeypatch.setattr(gathering, "_PATIENCE", 0.0)
    gathering._UNDER_WAY.clear()
    page.goto(opened)
    page.locator("[data-soon]").first.wait_for()
    page.locator(".tiles a", has_text="violate a policy").last.wait_for()
    wait_until_filled(page)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_opens_alone_without_a_script(browser, console, part):
    context = browser.new_context(base_url=console, java_script_enabled=False)
    page = context.new_page()
    assert page.goto(part).ok
    assert page.locator("h2").count() >= 1
    assert page.locator("nav").get_by_role("link", name="Posts", exact=True).count() == 1
    context.close()


def test_a_number_leads_to_the_posts_behind_it(page):
    page.goto("/now/labels")
    wait_until_filled(page)
    page.locator(".tiles a", has_text="violate a policy").last.click()
    page.wait_for_url(
        re.compile(r"/posts\?run=demo&mode=enforce\+or\+replay&decided=violates&since=")
    )


@pytest.mark.parametrize("room", ["/now/judge", "/now/changes", "/runs", "/posts?label=violates"])
def test_no_word_in_a_table_breaks_in_any_look(page, room):
    page.goto(room)
    page.locator(".scroll td").first.wait_for()
    wait_until_filled(page)
    assert [(look, word) for look in looks(page) for word in broken_words(page)] == []
