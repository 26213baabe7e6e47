"""Runs in a browser: looked at, compared, and a replay by keyboard."""

import shutil

import pytest

from tests.console.browsing import (
    assert_accessible,
    assert_accessible_in_every_look,
    picture,
    wait_until_filled,
)
from weir.policies.loading import LIBRARY

_PATIENT_MS = 240_000  # of a process that starts beside others


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Where jobs write what they are doing, and a console what it started."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.fixture
def one_policy(tmp_path):
    """A folder with one policy."""
    shutil.copytree(LIBRARY / "spam", tmp_path / "policies/spam")
    return str(tmp_path / "policies")


def test_a_run_a_comparison_and_the_form_open_in_every_look(page):
    for name, path in (
        ("runs", "/runs"),
        ("run", "/runs/demo"),
        ("compare", "/compare?run=demo&other=demo-edited"),
        ("form", "/replay"),
    ):
        assert page.goto(path).ok
        wait_until_filled(page)
        assert_accessible_in_every_look(page, f"runs-{name}")


def test_a_flip_of_a_comparison_leads_to_its_decision(page):
    page.goto("/compare?run=demo&other=demo-edited")
    flip = page.get_by_role("link", name="as demo has it").first
    flip.click()
    page.wait_for_url("**/posts/*?day=*")
    assert "game-cheating" in page.locator("main").inner_text()


def test_a_box_for_a_run_offers_those_that_there_are(page):
    page.goto("/compare")
    offered = page.locator("datalist#runs option")
    offered.first.wait_for(state="attached")
    assert {"demo", "demo-edited"} <= {each.get_attribute("value") for each in offered.all()}


def test_a_replay_is_forecast_started_watched_and_stopped_by_keyboard(page, open_page, one_policy):
    page.goto("/runs")
    page.keyboard.press("r")
    page.wait_for_url("**/replay")
    page.get_by_label("Name of the run").fill("browsed replay")
    page.get_by_label("Folder of policies").fill(one_policy)
    page.get_by_label("Share of the posts").fill("lots")
    page.keyboard.press("Enter")
    page.get_by_text("give a share of the posts such as 1%").wait_for()
    open_page.watched.faults.clear()  # which a status of 400 is for Chromium
    assert_accessible(page)
    assert page.get_by_label("Name of the run").input_value() == "browsed replay"
    page.get_by_label("Share of the posts").fill("10%")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/browsed%20replay")
    page.get_by_role("button", name="Start it").wait_for(timeout=_PATIENT_MS)
    assert "64 posts to decide" in page.locator("pre").inner_text()
    picture(page, "runs-forecast")
    page.keyboard.press("s")
    page.get_by_text("The replay runs").wait_for()
    page.keyboard.press("x")
    page.get_by_text("The replay was stopped by ada").wait_for(timeout=_PATIENT_MS)
    assert_accessible(page)
    picture(page, "runs-stopped")
    page.goto("/replay")
    assert page.get_by_label("Name of the run").input_value() == ""
