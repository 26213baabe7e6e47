"""The versions of a policy that have ever decided, any of which can be brought back."""

from itertools import pairwise
from typing import Any

from weir.pipelines.console.people import Role
from weir.pipelines.console.policy_lab.folder import Folder, status_of
from weir.pipelines.console.policy_lab.typed import opened
from weir.pipelines.console.visit import Page, Shown, Visit
from weir.pipelines.word_changes import changed_words

_VERSIONS = """
SELECT policy_version, MIN(recorded_at) AS first_used, MAX(status) AS status, MAX(text) AS text
FROM `{dataset}.policies`
WHERE policy_id = @policy_id
GROUP BY policy_version ORDER BY first_used DESC, policy_version LIMIT 50
"""
_CHANGES = """
SELECT done_at, person, what, why, JSON_VALUE(detail, '$.after') AS after
FROM `{dataset}.console_actions`
WHERE DATE(done_at) >= DATE_SUB(DATE(@now), INTERVAL 90 DAY) AND subject = @policy_id
  AND STARTS_WITH(what, 'policy-')
ORDER BY done_at DESC LIMIT 50
"""


def show(visit: Visit) -> Shown:
    """Return the versions, each with what it changed, and who changed what here."""
    entry = Folder.of(visit.setup).find(visit.path["policy_id"])
    found = visit.rows(_VERSIONS, policy_id=entry.policy_id)
    status = status_of(entry)
    # Only the form that brings back what is retired sends them.
    document, examples = opened(entry, drafted=False) if status == "retired" else ("", None)
    values = {
        "entry": entry,
        "status": status,
        "document": document,
        "examples": examples,
        "known": {row["policy_version"] for row in found},
        "in_force": entry.policy.version if entry.policy else None,
        "versions": list(zip(found, _changed(found), strict=True)),
        "changes": visit.rows(_CHANGES, policy_id=entry.policy_id, now=visit.now),
        "may": visit.person.may(Role.WRITER) and not Folder.of(visit.setup).why_read_only,
    }
    return Shown("policy_lab/versions.html.j2", values)


def _changed(found: list[dict[str, Any]]) -> list[list[list[tuple[str, str]]]]:
    """Return what each version changed in the text of the one before it."""
    texts = [row["text"] or "" for row in found]
    return [
        *(changed_words(older, newer) for newer, older in pairwise(texts)),
        *([[]] if texts else []),
    ]


PAGES = (Page("/policies/{policy_id}/versions", show),)
