"""Edits written to the folder, each with who and why, and never over what somebody else wrote."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.console import actions
from weir.pipelines.console.policy_lab.edit import Edit
from weir.pipelines.console.policy_lab.folder import (
    DRAFT,
    DRAFT_EXAMPLES,
    ConflictError,
    Entry,
    Folder,
    status_of,
    word_of,
)
from weir.pipelines.console.policy_lab.typed import (
    DRAFTED,
    KEPT,
    Typed,
    opened,
    passages,
    require_usable,
)
from weir.pipelines.console.visit import Moved, RefusedError, Shown, Visit, address
from weir.policies.loading import DOCUMENT, EXAMPLES
from weir.policies.policy import Status

_VERBS = {"in force": "policy-promote", "shadow": "policy-shadow", "retired": "policy-retire"}
_SAID = {
    DRAFTED: "The draft is saved. No job reads it.",
    KEPT: "Saved. A running job reads it within seconds.",
    Status.SHADOW.value: "In shadow: a running job judges it within seconds, and flags nothing.",
    Status.ACTIVE.value: "In force: a running job acts on it within seconds.",
    Status.RETIRED.value: "Retired: within seconds, a running job judges it no more.",
}
_OF_EDIT = """
SELECT person FROM `{dataset}.console_actions`
WHERE DATE(done_at) >= DATE(@since) AND JSON_VALUE(detail, '$.edit') = @edit LIMIT 1
"""


def save(visit: Visit) -> Moved | Shown:
    """Write an edit, unless somebody else has written meanwhile, and record who did and why."""
    folder = Folder.of(visit.setup)
    entry = folder.find_or_gone(visit.path["policy_id"])
    typed = Typed.of(visit.form)
    _require_reason(typed.why)
    edit = typed.edit
    if not typed.drafted:
        require_usable(folder, entry, edit)
    row = _Record(visit, entry.name, typed, edit)
    changes = _changes(entry, edit, drafted=typed.drafted)
    if _is_there(entry, changes):  # a form that is sent again
        row.store_once()
    else:
        try:
            folder.write(entry.name, typed.stamp, changes)
        except ConflictError as error:
            return conflict(typed, error.now)
        row.store(before_of(entry))
    said = _SAID[typed.then]
    if typed.then == KEPT and edit.policy and edit.policy.status is Status.RETIRED:
        said = "Saved. It stays retired: no job judges it."
    return Moved(address(f"/policies/{row.policy_id}"), said)


def discard(visit: Visit) -> Moved:
    """Remove a draft, and leave what is in force."""
    folder = Folder.of(visit.setup)
    entry = folder.find_or_gone(visit.path["policy_id"])
    why = visit.form.get("why", "").strip()
    _require_reason(why)
    there = address(f"/policies/{entry.policy_id}") if DOCUMENT in entry.files else "/policies"
    if not entry.has_draft:
        return Moved(there, "There is no draft any more.")
    stamp = visit.form.get("stamp", "")
    folder.require_writable(entry.name, stamp)
    # On record first: once a draft is gone, nothing tells who of two has removed it.
    actions.record(visit, "policy-discard-draft", entry.policy_id, why=why)
    folder.write(entry.name, stamp, {DRAFT: None, DRAFT_EXAMPLES: None})
    return Moved(there, "The draft is removed.")


def conflict(typed: Typed, now: Entry) -> Shown:
    """Return both texts of a policy that somebody else has written meanwhile."""
    theirs = ("", None) if now.gone else opened(now, drafted=typed.drafted and now.has_draft)
    mine = (typed.document, typed.examples)
    changed = passages(theirs, mine)
    values = {
        "entry": now,
        "typed": typed,
        "passages": changed,
        "whole": {
            side: [text for name, text in zip((DOCUMENT, EXAMPLES), texts, strict=True)
                   if text and name in changed]
            for side, texts in (("There now", theirs), ("Yours", mine))
        },
    }  # fmt: skip
    return Shown("policy_lab/conflict.html.j2", values, HTTPStatus.CONFLICT)


def before_of(entry: Entry) -> str:
    """Return a policy's status and version in the words of the record."""
    return f"{status_of(entry)}, {entry.policy.version if entry.policy else 'no version'}"


@dataclass(frozen=True)
class _Record:
    """What was done to a policy, for the record."""

    visit: Visit
    name: str
    typed: Typed
    edit: Edit

    @property
    def policy_id(self) -> str:
        return self.edit.policy.policy_id if self.edit.policy else self.name

    @property
    def edit_id(self) -> str:
        examples = self.edit.examples or ""
        return actions.id_of(self.typed.stamp, self.typed.then, self.edit.document, examples)

    def store(self, before: str) -> None:
        """Store the row; RefusedError where it cannot be, though the files are written."""
        policy = self.edit.policy
        after = DRAFTED if self.typed.drafted or policy is None else word_of(policy)
        detail = {
            "edit": self.edit_id,
            "before": before,
            "after": f"{after}, {policy.version if policy else 'no version'}",
        }
        what = self._verb(before.partition(",")[0], after)
        with recording():
            actions.record(self.visit, what, self.policy_id, why=self.typed.why, detail=detail)

    def store_once(self) -> None:
        """Store the row unless the first sending of this form has."""
        with recording():
            known = recorded_by(self.visit, self.edit_id)
        if not known:
            self.store(self.typed.before)

    def _verb(self, before: str, after: str) -> str:
        if self.typed.drafted:
            return "policy-draft"
        if self.typed.version:
            return "policy-roll-back"
        return "policy-save" if before == after else _VERBS[after]


def recorded_by(visit: Visit, edit: str) -> str | None:
    """Return who made an edit, of the last day; None where nobody is recorded. TablesError."""
    rows = visit.rows(_OF_EDIT, since=visit.now - timedelta(days=1), edit=edit)
    return rows[0]["person"] if rows else None


@contextmanager
def recording() -> Iterator[None]:
    """Say, where BigQuery is away, that the files are written and only the record is missing."""
    try:
        yield
    except TablesError as error:
        raise RefusedError(
            f"The files are written, and who wrote them is not recorded yet: {error} Send this "
            "again: nothing is done twice.",
            HTTPStatus.SERVICE_UNAVAILABLE,
        ) from error


def _require_reason(why: str) -> None:
    if not why:
        raise RefusedError("A reason is missing: say why, for those who look for it later")


def _changes(entry: Entry, edit: Edit, *, drafted: bool) -> dict[str, bytes | None]:
    names = (DRAFT, DRAFT_EXAMPLES) if drafted else (DOCUMENT, EXAMPLES)
    found: dict[str, bytes | None] = {names[0]: entry.text(names[0]).encode(edit.document)}
    if edit.examples is not None:
        said = edit.examples.strip()
        found[names[1]] = entry.text(names[1]).encode(edit.examples) if said else None
    return found if drafted else found | {DRAFT: None, DRAFT_EXAMPLES: None}


def _is_there(entry: Entry, changes: Mapping[str, bytes | None]) -> bool:
    return all(entry.files.get(name) == content for name, content in changes.items())
