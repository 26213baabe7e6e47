"""Posts in a browser: found by their text, read through, and asked about again."""

from tests.console.browsing import (
    assert_accessible,
    assert_accessible_in_every_look,
    picture,
    wait_until_filled,
)


def test_the_way_of_a_post_is_read_in_every_look(page):
    page.goto("/posts?label=violates")
    page.locator("table.posts tbody").first.wait_for()
    assert_accessible_in_every_look(page, "posts")
    page.locator("table.posts tbody a").first.click()
    page.get_by_text("Where it came from").wait_for()
    wait_until_filled(page)
    assert_accessible_in_every_look(page, "post")


def test_a_hostile_post_is_found_by_keyboard_and_runs_nothing(page):
    page.goto("/posts")
    page.keyboard.press("/")
    page.keyboard.type("FREE MONEY click now <script>")
    page.keyboard.press("Enter")
    page.locator("table.posts .text").first.wait_for()
    assert "<script>" in page.locator("table.posts .text").first.inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    page.get_by_text("text hidden").first.wait_for()
    assert not page.locator("table.posts .text").first.is_visible()
    assert page.title() == "Posts · Weir"


def test_the_judge_is_asked_again_from_the_page_of_a_post(page):
    page.goto("/posts?label=violates")
    page.locator("table.posts tbody a").first.click()
    page.get_by_role("button", name="Ask the judge again").first.click()
    page.get_by_text("It is not stored").wait_for()
    assert_accessible(page)
    picture(page, "post-again")
