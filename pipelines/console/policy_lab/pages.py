"""The pages of Policies: the folder as a list, and a new one."""

from typing import Any

from weir.pipelines.bigquery.errors import TablesError
from weir.pipelines.bigquery.labels import labels_of
from weir.pipelines.console import actions
from weir.pipelines.console.people import Role
from weir.pipelines.console.policy_lab import edit_pages, trial_pages, version_pages
from weir.pipelines.console.policy_lab.edit import Edit, edit_of
from weir.pipelines.console.policy_lab.folder import (
    DRAFT,
    DRAFT_EXAMPLES,
    Entry,
    Folder,
    status_of,
    title_of,
)
from weir.pipelines.console.policy_lab.save_pages import recorded_by, recording
from weir.pipelines.console.visit import Moved, Page, RefusedError, Shown, Visit, address
from weir.policies.draft import begin
from weir.policies.loading import DOCUMENT, EXAMPLES, LIBRARY, load_policies
from weir.policies.policy import PolicyError

_FIRST_USED = """
SELECT policy_version, MIN(recorded_at) AS first_used
FROM `{dataset}.policies` GROUP BY policy_version
"""
_FOUND = """
SELECT policy_id, COUNT(*) AS violations FROM {labels}
WHERE label = 'violates' GROUP BY policy_id
"""
# Somebody has to have called a post a violation: of a million posts few are then looked at.
_CALLED = """
run = @run AND DATE(created_at) >= @since AND content_id IN (
  SELECT content_id FROM `{dataset}.verdicts`
  WHERE run = @run AND DATE(created_at) >= @since AND verdict = 'violates'
  UNION ALL
  SELECT content_id FROM `{dataset}.human_labels`
  WHERE run = @run AND DATE(created_at) >= @since AND human_verdict = 'violates'
)
"""


def show(visit: Visit) -> Shown:
    """Return the list as the files have it; what BigQuery knows of it comes in a part."""
    folder = Folder.of(visit.setup)
    return Shown(
        "policy_lab/policies.html.j2", _list(folder) | {"folder": folder} | _unknown(visit)
    )


def show_with_numbers(visit: Visit) -> Shown:
    """Return the list with when each version was first used, and what it found."""
    return Shown("policy_lab/table.html.j2", _list(Folder.of(visit.setup)) | _numbers(visit))


def create(visit: Visit) -> Moved:
    """Begin a policy: a draft beside which nothing is in force yet."""
    folder = Folder.of(visit.setup)
    policy_id = visit.form.get("policy_id", "").strip()
    document, examples = begin(policy_id, visit.form.get("title", "").strip() or None)
    files = {DRAFT: document.encode(), DRAFT_EXAMPLES: examples.encode()}
    edit = actions.id_of("new", policy_id, document, examples)
    there = [each for each in folder.entries() if policy_id in (each.policy_id, each.name)]
    if not there:
        folder.write(policy_id, Entry(policy_id, {}, {}).stamp, files)
    elif [each.files for each in there] != [files]:
        raise _taken(policy_id)
    with recording():
        by = recorded_by(visit, edit) if there else None
        if by not in (None, visit.person.name):
            raise _taken(policy_id)
        if by is None:  # also where this form is sent again, as it was not recorded
            actions.record(visit, "policy-new", policy_id, detail={"edit": edit})
    return Moved(
        address(f"/policies/{policy_id}"),
        "Here is a draft about something else: change it into what you mean.",
    )


def _taken(policy_id: str) -> RefusedError:
    said = f"There is a policy {policy_id} already: choose another id, or edit it"
    return RefusedError(said)


def _list(folder: Folder) -> dict[str, Any]:
    rows = [(each, status_of(each), title_of(each), _edit(each)) for each in folder.entries()]
    return {"rows": rows, "problem": _problem(folder), "library": str(LIBRARY)}


def _edit(entry: Entry) -> Edit | None:
    """Return what there is to mend of the document in force, or else of the draft."""
    names = (DOCUMENT, EXAMPLES) if DOCUMENT in entry.files else (DRAFT, DRAFT_EXAMPLES)
    if names[0] not in entry.files:
        return None
    document, examples = (entry.text(name).text for name in names)
    return edit_of(document, examples)


def _problem(folder: Folder) -> str | None:
    """Return why no job could start with this folder; None where one could."""
    try:
        load_policies(folder.path)
    except PolicyError as error:
        return str(error)
    return None


def _unknown(visit: Visit) -> dict[str, Any]:
    return {"first_used": None, "violations": None, "silent": None, "since": visit.first_day}


def _numbers(visit: Visit) -> dict[str, Any]:
    try:
        with visit.dataset() as dataset:
            used = dataset.rows(_FIRST_USED)
            labels = labels_of(dataset, _CALLED)
            asked = _FOUND.replace("{labels}", labels)
            found = dataset.rows(asked, run=visit.run, since=visit.first_day)
    except TablesError as error:
        return _unknown(visit) | {"silent": str(error)}
    return _unknown(visit) | {
        "first_used": {row["policy_version"]: row["first_used"] for row in used},
        "violations": {row["policy_id"]: row["violations"] for row in found},
    }


PAGES = (
    Page("/policies", show, names=("run",)),
    Page("/policies/-/table", show_with_numbers, names=("run",)),
    Page("/policies/-/new", create, Role.WRITER, changes=True, form=show),
    *edit_pages.PAGES,
    *version_pages.PAGES,
    *trial_pages.PAGES,
)
