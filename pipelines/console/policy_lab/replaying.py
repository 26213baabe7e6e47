"""A replay of history under a text that no job reads: what it would take, and starting it."""

import tempfile
from pathlib import Path

from weir.pipelines.console.people import Role
from weir.pipelines.console.policy_lab.edit import edit_of
from weir.pipelines.console.policy_lab.folder import Folder
from weir.pipelines.console.visit import Moved, Page, RefusedError, Visit, address
from weir.policies.loading import DOCUMENT, EXAMPLES
from weir.policies.policy import Status


def prepare(visit: Visit) -> Moved:
    """Put what was typed into a folder of its own, and lead to the form of a replay with it.

    The forecast is that form's next page. The folder stays for as long as this machine keeps
    temporary ones, since a replay that is stopped goes on with it.
    """
    entry = Folder.of(visit.setup).find_or_gone(visit.path["policy_id"])
    edit = edit_of(visit.form.get("document", ""), visit.form.get("examples"))
    if edit.policy is None:
        note = edit.notes[0]
        raise RefusedError(f"No replay can read it yet: {note.file}:{note.line}: {note.message}")
    if edit.policy.status is Status.RETIRED:
        raise RefusedError("A replay judges no policy that is retired: write status: shadow")
    policy_id, version = edit.policy.policy_id, edit.policy.version
    folder = Path(tempfile.mkdtemp(prefix=f"weir-{policy_id}-{version}-"))
    place = folder / policy_id
    place.mkdir()
    examples = edit.examples.encode() if edit.examples else entry.files.get(EXAMPLES)
    (place / DOCUMENT).write_text(edit.document, "utf-8")
    if examples:
        (place / EXAMPLES).write_bytes(examples)
    form = address("/replay", policies=str(folder), name=f"{policy_id}-{version}")
    if visit.person.may(Role.OPERATOR):
        return Moved(form)
    return Moved(
        address(f"/policies/{visit.path['policy_id']}"),
        f"Only an operator starts a replay: send one this address: {form}",
    )


PAGES = (Page("/policies/{policy_id}/replay", prepare, Role.WRITER, changes=True),)
