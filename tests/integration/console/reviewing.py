"""Somebody at a browser without scripts, who reviews posts in the console."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qsl, urlsplit

from tests.rows import NOON
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.review.pages import PAGES
from weir.pipelines.console.setup import Setup
from weir.pipelines.console.templates import fill
from weir.pipelines.console.visit import Moved, Shown, Visit
from weir.pipelines.demo import query

DAY = "2026-03-04"
HANDLERS = {page.path: page for page in PAGES}


class Reviewer:
    """Somebody at a browser without scripts: opens addresses, and sends the forms of pages."""

    def __init__(self, settings, run, name):
        self.setup = Setup(settings, OnLoopback(), run=run)
        self.name, self.hours, self.said = name, 0, ""

    def visit(self, address, form=()):
        self.hours += 1
        parts = urlsplit(address)
        person = Person(self.name, Role.REVIEWER)
        now = NOON + timedelta(hours=self.hours)
        asked = dict(parse_qsl(parts.query))
        return Visit(self.setup, person, address, {}, asked, dict(form), (), now)

    def open(self, address, form=()):
        """Return the page at an address, or where that leads."""
        visit = self.visit(address, form)
        answer = HANDLERS[urlsplit(address).path].handler(visit)
        if isinstance(answer, Moved):
            self.said = answer.said
            return self.open(answer.to)
        assert isinstance(answer, Shown)
        page = fill(answer.template, answer.values, visit=visit, rooms=(), said="", bare=True)
        # A browser without scripts follows the link within a part that would load by itself.
        inner = re.search(r'data-from="(/review/next[^"]*)"', page)
        return page + self.open(unescape(inner[1])) if inner else page

    def queue(self, name, **more):
        asked = "".join(f"&{key}={value}" for key, value in more.items())
        return self.open(f"/review?queue={name}&since={DAY}{asked}")

    def press(self, page, key, note=""):
        """Return what comes of a button, pressed by its key, of a page."""
        tag = re.search(rf'<button[^>]*data-key="{key}"[^>]*>', page)[0]
        form = next(f for f in re.findall(r"<form.*?</form>", page, re.DOTALL) if tag in f)
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        fields = {name: unescape(value) for name, value in fields.items()} | {"blur": "1"}
        if "<textarea" in form:
            fields["note"] = note
        fields |= dict(re.findall(r'name="(verdict)" value="(\w+)"', tag))
        to = re.search(r'formaction="([^"]*)"', tag) or re.search(r'action="([^"]*)"', form)
        return self.open(unescape(to[1]), fields)


def stored(bigquery, run):
    sql = "SELECT * FROM `{dataset}.human_labels` WHERE run = @run ORDER BY reviewed_at"
    return query(bigquery, sql, run)


def labels(bigquery, run):
    sql = "SELECT * FROM `{dataset}.labels` WHERE run = @run ORDER BY `offset`, policy_id"
    return query(bigquery, sql, run)


def actions(bigquery, run):
    sql = "SELECT * FROM `{dataset}.console_actions` WHERE run = @run ORDER BY done_at"
    return query(bigquery, sql, run)


def number(page):
    """Return which post a page shows, None where it shows none."""
    found = re.search(r"post number (\d+)\.", page)
    return int(found[1]) if found else None


def sent(page, verdict):
    """Return where the form of a page goes, and what it holds with a verdict."""
    form = re.search(r'action="(/review/decide[^"]*)".*?</form>', page, re.DOTALL)
    fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0])
    return unescape(form[1]), {n: unescape(v) for n, v in fields} | {"verdict": verdict}
