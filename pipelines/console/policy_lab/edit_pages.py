"""One policy as it is edited: what is wrong with it as one types, and what an edit changes."""

from http import HTTPStatus
from typing import Any

from weir.pipelines.console.people import Role
from weir.pipelines.console.policy_lab.edit import Edit, edit_of, note_of
from weir.pipelines.console.policy_lab.folder import (
    DRAFT,
    DRAFT_EXAMPLES,
    Entry,
    Folder,
    status_of,
)
from weir.pipelines.console.policy_lab.front_matter import with_version
from weir.pipelines.console.policy_lab.save_pages import before_of, conflict, discard, save
from weir.pipelines.console.policy_lab.typed import (
    DRAFTED,
    KEPT,
    WORDS,
    Typed,
    opened,
    passages,
    require_usable,
)
from weir.pipelines.console.visit import Page, RefusedError, Shown, Visit
from weir.pipelines.evaluate.other_version import recorded_policy
from weir.pipelines.policy_prompt import CONTENT_TOKENS, PARTS
from weir.policies.loading import DOCUMENT, EXAMPLES
from weir.policies.policy import PolicyError, Status


def show(visit: Visit) -> Shown:
    """Return a policy to be read, or by a writer to be edited: its draft where it has one."""
    entry = Folder.of(visit.setup).find(visit.path["policy_id"])
    drafted = entry.has_draft and visit.query.get("of") != "saved"
    document, examples = opened(entry, drafted=drafted)
    return _editor(visit, entry, edit_of(document, examples), drafted=drafted)


def reopen(visit: Visit) -> Shown:
    """Return the editor with what was typed before, and what it was opened of."""
    entry = Folder.of(visit.setup).find_or_gone(visit.path["policy_id"])
    typed = Typed.of(visit.form)
    edit = edit_of(typed.document, typed.examples)
    return _editor(visit, entry, edit, drafted=entry.has_draft, stamp=typed.stamp)


def findings(visit: Visit) -> Shown:
    """Return what is wrong with what is being typed; a part of the editor."""
    form = visit.form
    edit = edit_of(form.get("document", ""), form.get("examples"))
    return Shown("policy_lab/findings.html.j2", _described(edit))


def compare(visit: Visit) -> Shown:
    """Return what an edit changes, to be saved with a reason."""
    folder = Folder.of(visit.setup)
    entry = folder.find_or_gone(visit.path["policy_id"])
    typed = _brought_back(visit, entry) if visit.form.get("version") else Typed.of(visit.form)
    if typed.stamp != entry.stamp:
        return conflict(typed, entry)
    refusal = None
    try:
        edit = typed.edit
        if not typed.drafted:
            require_usable(folder, entry, edit)
    except PolicyError as error:
        edit, refusal = edit_of(typed.document, typed.examples), note_of(error)
    before = opened(entry, drafted=typed.drafted and entry.has_draft)
    values = _described(edit) | {
        "entry": entry,
        "typed": typed,
        "before": before_of(entry),
        "status": status_of(entry),
        "passages": passages(before, (edit.document, edit.examples)),
        "refusal": refusal,
    }
    status = HTTPStatus.OK if refusal is None else HTTPStatus.BAD_REQUEST
    return Shown("policy_lab/compare.html.j2", values, status)


def _editor(
    visit: Visit, entry: Entry, edit: Edit, *, drafted: bool, stamp: str | None = None
) -> Shown:
    folder = Folder.of(visit.setup)
    names = (DRAFT, DRAFT_EXAMPLES) if drafted else (DOCUMENT, EXAMPLES)
    offered = _offered(entry)
    values = _described(edit) | {
        "entry": entry,
        "status": status_of(entry),
        "drafted": drafted,
        "stamp": stamp or entry.stamp,
        "file_notes": [note for name in names if (note := entry.text(name).note)],
        "examples_unread": entry.unread.get(names[1]),
        "why_read_only": folder.why_read_only,
        "folder": folder,
        "offered": [(then, WORDS[then]) for then in offered],
        "first": KEPT if KEPT in offered else Status.SHADOW.value,
        "rows": min(30, max(14, edit.document.count("\n") + 2)),
    }
    return Shown("policy_lab/editor.html.j2", values)


def _offered(entry: Entry) -> list[str]:
    """Return what may become of an edit: no status that the policy has, where one can be read."""
    if entry.parsed is None:
        return [DRAFTED, Status.SHADOW, Status.ACTIVE]
    if entry.policy is None:
        return [DRAFTED, KEPT]
    return [then for then in WORDS if then != entry.policy.status]


def _described(edit: Edit) -> dict[str, Any]:
    return {"edit": edit, "parts": PARTS, "post_tokens": CONTENT_TOKENS}


def _brought_back(visit: Visit, entry: Entry) -> Typed:
    """Return an earlier version as an edit of what is in force."""
    version = visit.form["version"]
    if "document" in visit.form:
        return Typed.of(visit.form)
    earlier = recorded_policy(version, visit.setup.bigquery)
    if earlier.policy_id != entry.policy_id:
        raise RefusedError("That version is one of another policy")
    document, examples = opened(entry, drafted=False)
    return Typed(with_version(document, earlier), examples, entry.stamp, KEPT, version=version)


_ONE = "/policies/{policy_id}"
PAGES = (
    Page(_ONE, show),
    Page(_ONE, reopen, Role.WRITER, changes=True),
    Page(f"{_ONE}/findings", findings, Role.WRITER, changes=True),
    Page(f"{_ONE}/compare", compare, Role.WRITER, changes=True),
    Page(f"{_ONE}/save", save, Role.WRITER, changes=True, form=compare),
    Page(f"{_ONE}/discard", discard, Role.WRITER, changes=True, form=show),
)
