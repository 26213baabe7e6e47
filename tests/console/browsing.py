"""A browser over a console, and what is held against every page that it opens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)


@dataclass(frozen=True)
class Look:
    """What a page is shown with."""

    color_scheme: Literal["light", "dark"]
    window: ViewportSize


_LAPTOP: ViewportSize = {"width": 1280, "height": 800}
LOOKS = {
    "narrow": Look("light", {"width": 360, "height": 740}),
    "dark": Look("dark", _LAPTOP),
    "light": Look("light", _LAPTOP),  # last, as pages are used in it
}
# Where pictures of the pages are left, for whoever wants to look at them.
PICTURES = os.environ.get("WEIR_PICTURES")
_PATIENT_MS = 60_000


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Start Debian's Chromium, which asks nobody for anything of its own."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
        )
        yield started
        started.close()


@dataclass
class Watched:
    """What went wrong on pages of a console, as it happens."""

    console: str  # its address
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> Page:
        """Note what the page complains of, and whatever it asks others for."""
        page.set_default_timeout(_PATIENT_MS)
        page.on("console", self._on_message)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._on_request)
        return page

    def _on_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.console, "data:", "blob:")):
            self.faults.append(f"request elsewhere: {request.url}")


def looks(page: Page) -> Iterator[str]:
    """Show a page in each look, one after the other, without loading it again; give its name."""
    for name, look in LOOKS.items():
        page.emulate_media(color_scheme=look.color_scheme)
        page.set_viewport_size(look.window)
        yield name


def wait_until_filled(page: Page) -> None:
    """Wait until every part of a page that is filled from the console has come, and is whole."""
    expect(page.locator("[aria-busy], [data-soon]")).to_have_count(0, timeout=_PATIENT_MS)


def assert_accessible_in_every_look(page: Page, name: str) -> None:
    """Fail where a page is not accessible in a look, each of which leaves a picture."""
    for look in looks(page):
        assert_accessible(page, look)
        picture(page, f"{name}-{look}")


def assert_accessible(page: Page, look: str = "") -> None:
    """Fail for what axe calls serious or critical, and for a page wider than its window."""
    found = Axe().run(page).response["violations"]
    grave = [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert not grave, (look, grave)
    wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"the {look} page is {wide} px wider than its window"


def picture(page: Page, name: str) -> None:
    """Leave a picture of the whole page, where somebody asked for that."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


# A word of letters stands in one line, unless it is a code or the text of a post.
_BROKEN_WORDS = """() => [...document.querySelectorAll(".scroll td")].flatMap(cell => {
  const found = [], walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.parentElement.closest("code, .text")) continue;
    for (const word of node.data.matchAll(/[A-Za-z]{3,24}/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (lines.size > 1) found.push(word[0]);
    }
  }
  return found;
})"""


def broken_words(page):
    """Return the words in the tables of a page that go over several lines."""
    return page.evaluate(_BROKEN_WORDS)
