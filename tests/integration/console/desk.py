"""A console over HTTP, and somebody who fills in its forms, sends them, and sends them again."""

import re
import urllib.error
import urllib.request
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

from tests.integration.console.reviewing import DAY
from tests.integration.stored import put
from tests.integration.test_dead_letter_topic import failed, make_topics, read, write
from tests.rows import NOON, screening, verdict
from tests.unit.console.policy_forms import form_of
from tests.written_policy import written
from weir.pipelines.console.access import OnLoopback
from weir.pipelines.console.policy_lab.folder import Folder
from weir.pipelines.console.policy_lab.front_matter import with_status
from weir.pipelines.console.policy_lab.save_pages import before_of
from weir.pipelines.console.server import console_beside
from weir.pipelines.console.setup import Setup
from weir.pipelines.demo import query
from weir.policies.policy import Status

WHY = "typed at <length>"
# What is stored once of each form, by the word in the table of changes.
DONE = {
    "review-decide": "SELECT note FROM `{dataset}.human_labels` WHERE run = @run",
    "complaint-open": "SELECT decision_id FROM `{dataset}.complaints` WHERE run = @run",
}
_ACTIONS = "SELECT what FROM `{dataset}.console_actions` WHERE run = @run"


class Answered:
    """What came of an address, or of a form that was sent to it."""

    def __init__(self, at, fields=None):
        body = None if fields is None else urlencode(fields, doseq=True).encode()
        request = urllib.request.Request(at, body, {"sec-fetch-site": "same-origin"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                self.status, self.page = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                self.status, self.page = error.code, error.read().decode()

    @property
    def form(self):
        """Return where the form of the page goes, and what it holds, of each name all values."""
        (found,) = re.findall(
            r'<form method="post" action="(/[^"]*)">(.*?)</form>', self.page, re.DOTALL
        )
        boxes = re.findall(r'<textarea name="(\w+)"[^>]*>\n(.*?)</textarea>', found[1], re.DOTALL)
        fields: dict[str, list[str]] = {}
        for name, value in boxes + re.findall(r'"hidden" name="(\w+)" value="([^"]*)"', found[1]):
            fields.setdefault(name, []).append(unescape(value))
        return unescape(found[0]), fields


@dataclass(frozen=True)
class Desk:
    """A console, and forms of its pages that somebody has filled in: one of each kind a number."""

    console: str
    setup: Setup
    letters: tuple[str, ...]

    @property
    def policies(self):
        return self.setup.policies

    def forms(self, number):
        post = f"{self.setup.run}-spam-v1-{number}"
        reference = f"{post}~spam~{int(NOON.timestamp() * 1_000_000)}"
        complaint = {"decision": post, "policy": "spam", "reference": WHY, "late": "yes"}
        entry = Folder(self.policies).find("tickets")
        text = entry.text("policy.md").text.replace("a swap", f"a swap, edit {number}")
        policy = form_of(self.policies, document=text, why=WHY, before=before_of(entry))
        letters = {"since": DAY, "until": DAY, "chosen": [self.letters[number]], "why": WHY}
        return {
            "review-decide": (
                f"/review/decide?queue=all&since={DAY}",
                {"post": reference, "verdict": "safe", "note": WHY},
            ),
            "complaint-open": (f"/posts/{post}/complain?day={DAY}", complaint),
            "policy-save": ("/policies/tickets/save", policy),
            "letters-redrive": ("/dead-letters/send", letters | {"form": uuid.uuid4().hex}),
        }

    def send(self, form):
        return Answered(f"{self.console}{form[0]}", form[1])

    def read(self, path):
        return Answered(f"{self.console}{path}")

    def done(self):
        """Return how often each kind was done, and how often that was recorded."""
        settings, run = self.setup.bigquery, self.setup.run
        recorded = Counter(row["what"] for row in query(settings, _ACTIONS, run))
        times = {kind: len(query(settings, sql, run)) for kind, sql in DONE.items()}
        back = read(self.setup.kafka, self.setup.topics[0], 4)
        text = Folder(self.policies).find("tickets").text("policy.md").text
        edits = sum(f", edit {number}" in text for number in range(2))
        times |= {"letters-redrive": len(back), "policy-save": edits}
        return Counter(times), recorded


@contextmanager
def desk(settings, kafka, policies, run):
    """Serve a console over two posts, two dead letters and a policy."""
    put(settings, "screenings", [screening(run, n, spam="escalate") for n in range(2)])
    put(settings, "verdicts", [verdict(run, n, "spam", "violates") for n in range(2)])
    document, examples = written("tickets", "Tickets")
    (policies / "tickets").mkdir()
    (policies / "tickets/policy.md").write_text(with_status(document, Status.ACTIVE))
    (policies / "tickets/examples.csv").write_text(examples)
    topic, dead = make_topics(kafka)
    batch = failed(topic, 0, 1)
    write(kafka, dead, batch)
    letters = [row | {"run": run, "died_at": NOON} for row in batch.to_pylist()]
    put(settings, "dead_letters", letters)
    setup = Setup(
        settings,
        OnLoopback("ada"),
        kafka,
        str(policies),
        run,
        topics=(topic,),
        dead_letter_topic=dead,
    )
    with console_beside(setup) as address:
        ids = tuple(row["decision_id"] for row in letters)
        yield Desk(address.rstrip("/"), setup, ids)
