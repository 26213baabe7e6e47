"""What a document comes to while somebody writes it: what is to mend, and what a model reads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from weir.pipelines.console.policy_lab.front_matter import with_status
from weir.pipelines.policy_prompt import AsRead, as_read
from weir.policies.check import check, line_of_file, tokens
from weir.policies.loading import DOCUMENT, EXAMPLES, parse_policy
from weir.policies.policy import Policy, PolicyError, Status

_PLACE = re.compile(r"(?:.*/)?(policy\.md|examples\.csv):(\d+): (.*)", re.DOTALL)
FIELDS = {DOCUMENT: "document", EXAMPLES: "examples"}  # of the form
_EXCERPT = 80  # characters of a line


@dataclass(frozen=True)
class Note:
    """Something to mend; ``line`` counts from 1 in the file, 0 is the whole of it."""

    file: str
    line: int
    level: str
    message: str
    excerpt: str = ""

    @property
    def field(self) -> str:
        """Return the text area that it is about."""
        return FIELDS[self.file]


@dataclass(frozen=True)
class Edit:
    """A document and its examples as they were typed; ``examples`` None leaves them as they are."""

    document: str
    examples: str | None
    policy: Policy | None
    notes: tuple[Note, ...]

    @property
    def errors(self) -> int:
        """Return how many of the notes make verdicts unreliable."""
        return sum(note.level == "error" for note in self.notes)

    @property
    def tokens(self) -> int:
        """Return how many tokens the text has that the model reads."""
        return tokens(self.policy.text) if self.policy else 0

    @property
    def prompt(self) -> AsRead | None:
        """Return what the model reads."""
        return as_read(self.policy) if self.policy else None

    def as_status(self, status: Status) -> "Edit":
        """Return it with another status; PolicyError."""
        return edit_of(with_status(self.document, status), self.examples)


def edit_of(document: str, examples: str | None) -> Edit:
    """Return what an edit comes to, however broken it is."""
    lines = {DOCUMENT: document.split("\n"), EXAMPLES: (examples or "").split("\n")}
    table = examples.encode() if examples and examples.strip() else None
    try:
        policy = parse_policy(document.encode(), DOCUMENT, table, EXAMPLES)
    except PolicyError as error:
        return Edit(document, examples, None, (note_of(error, lines),))
    notes = [
        Note(found.source, line := line_of_file(policy, found), found.level, found.message,
             _excerpt(lines[found.source], line))
        for found in check(policy)
    ]  # fmt: skip
    return Edit(document, examples, policy, tuple(notes))


def note_of(error: PolicyError, lines: Mapping[str, list[str]] | None = None) -> Note:
    """Return an error of a document as a note at its place."""
    placed = _PLACE.fullmatch(str(error))
    if not placed:
        return Note(DOCUMENT, 0, "error", str(error))
    file, line, message = placed[1], int(placed[2]), placed[3]
    return Note(file, line, "error", message, _excerpt(lines[file], line) if lines else "")


def _excerpt(lines: list[str], line: int) -> str:
    if not 0 < line <= len(lines):
        return ""
    said = lines[line - 1].strip()
    return said if len(said) <= _EXCERPT else said[: _EXCERPT - 1] + "…"
