"""The review of posts in a real browser, by its keys."""

import re

from playwright.sync_api import expect

from tests.console.browsing import (
    assert_accessible_in_every_look,
    looks,
    picture,
    wait_until_filled,
)
from weir.pipelines.demo import query

SINCE = "1970-01-01"
QUEUE = f"/review?queue=all&blind=1&since={SINCE}"


def decided(setup):
    sql = "SELECT * FROM `{dataset}.latest_reviews` WHERE run = @run AND reviewer = 'ada'"
    return {
        (row["content_id"], row["policy_id"]): row for row in query(setup.bigquery, sql, setup.run)
    }


def next_post(page, before=""):
    """Wait for another post than the one before, and return what the page's form says of it."""
    post = page.locator(f"form.decide input[name=post]:not([value='{before}'])")
    post.wait_for(state="attached")
    page.wait_for_load_state()  # the script listens to keys by then
    return post.get_attribute("value")


def press(page, key, before):
    page.keyboard.press(key)
    return next_post(page, before)


def test_twenty_posts_are_reviewed_by_keyboard_alone(page, setup):
    known = decided(setup)
    page.goto("/review")
    page.keyboard.press("5")
    page.wait_for_url("**/review?queue=all*")
    page.goto(QUEUE)
    post, pressed = next_post(page), []
    page.keyboard.press("b")
    for n in range(20):
        pressed.append("vs"[n % 2])
        if n == 3:
            page.keyboard.press("n")
            page.keyboard.type("seen before, vs. <b>")
            page.keyboard.press("Escape")
        if n == 5:
            post = press(page, "k", post)
        post = press(page, pressed[-1], post)
        assert not page.locator("#blur").is_checked()
        if n == 7:
            post = press(page, "u", post)
            post = press(page, "v", post)
            pressed[-1] = "v"
    page.locator(".last .tag").first.wait_for()
    picture(page, "review-decided")
    new = {key: row for key, row in decided(setup).items() if key not in known}
    by_time = sorted(new.values(), key=lambda row: row["reviewed_at"])
    assert [row["human_verdict"][0] for row in by_time] == pressed
    assert [row["note"] for row in by_time if row["note"]] == ["seen before, vs. <b>"]
    page.keyboard.press("o")
    page.wait_for_url("**/posts/*")


def test_one_post_in_each_look(page):
    page.goto(QUEUE.replace("&blind=1", ""))
    next_post(page)
    wait_until_filled(page)
    assert_accessible_in_every_look(page, "review-blurred")
    page.keyboard.press("b")
    page.keyboard.press("t")
    assert_accessible_in_every_look(page, "review-post")
    page.keyboard.press("?")
    for _ in looks(page):
        assert "it violates the policy" in page.locator("#keys").inner_text()


def test_the_queues_and_agreement_in_each_look(page):
    page.goto(f"/review?since={SINCE}")
    page.get_by_text(re.compile("waits?:")).first.wait_for()
    wait_until_filled(page)
    assert_accessible_in_every_look(page, "review-queues")
    page.goto(f"/review/agreement?since={SINCE}")
    page.get_by_text("The judge, as people see it").wait_for()
    assert_accessible_in_every_look(page, "review-agreement")


def test_a_text_is_blurred_until_asked_and_stays_as_it_was_asked(page):
    page.goto(QUEUE)
    post = next_post(page)
    text = page.locator(".text.hidden-text")
    expect(text).not_to_have_css("filter", "none")
    page.keyboard.press("b")
    expect(text).to_have_css("filter", "none")
    press(page, "k", post)
    expect(text).to_have_css("filter", "none")


def test_no_key_decides_on_a_text_that_is_blurred(page, setup):
    page.goto(QUEUE)
    post, before = next_post(page), len(decided(setup))
    for key in "vs":
        page.keyboard.press(key)
        page.get_by_text("The text is blurred: b shows it").wait_for()
    page.get_by_role("button", name="Violates").click()
    assert next_post(page) == post
    page.keyboard.press("b")
    page.get_by_text("The text is blurred: b shows it").wait_for(state="hidden")
    assert len(decided(setup)) == before
    press(page, "v", post)


def test_the_hostile_post_does_nothing_in_review(page, setup):
    sql = "SELECT * FROM `{dataset}.labels` WHERE run = @run AND content_id = 'hostile'"
    row = next(row for row in query(setup.bigquery, sql, setup.run) if row["verdict"])
    micros = int(row["created_at"].timestamp() * 1_000_000)
    page.goto(f"/review/post?queue=all&post={row['decision_id']}~{row['policy_id']}~{micros}")
    page.keyboard.press("b")
    assert "<script>" in page.locator(".text.long").inner_text()
    assert page.title() != "ran"


def test_without_scripts_a_decision_is_a_click_and_a_link(browser, console, setup):
    context = browser.new_context(base_url=console, java_script_enabled=False)
    page = context.new_page()
    page.goto(QUEUE)
    page.get_by_text("The next post").click()
    before = len(decided(setup))
    page.get_by_role("button", name="Safe").click()
    page.get_by_role("button", name="Undo").wait_for()
    assert len(decided(setup)) == before + 1
    context.close()
