"""A browser over a console, and what is held against every page that it opens."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
}
# Where pictures of the pages are left, for whoever wants to look at them.
PICTURES = os.environ.get("WEIR_PICTURES")


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
        page.set_default_timeout(60_000)
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


def assert_accessible(page: Page) -> None:
    """Fail for what axe calls serious or critical, and for a page wider than its window."""
    found = Axe().run(page).response["violations"]
    grave = [
        (each["id"], each["help"], [node["html"][:200] for node in each["nodes"][:3]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert not grave, grave
    wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"the page is {wide} px wider than its window"


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
