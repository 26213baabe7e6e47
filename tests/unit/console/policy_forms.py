"""The editor's form of a policy, filled in as a person would, and what then lies in the folder."""

from tests.unit.console.visits import visit
from weir.pipelines.console.policy_lab import edit_pages, save_pages
from weir.pipelines.console.policy_lab.folder import Folder
from weir.pipelines.console.policy_lab.typed import opened


def form_of(policies, policy_id="tickets", **changes):
    """Return the form of the editor as it is first opened, but for the changes."""
    entry = Folder(str(policies)).find(policy_id)
    document, examples = opened(entry, drafted=entry.has_draft)
    form = {"document": document, "examples": examples, "stamp": entry.stamp, "then": "same"}
    return form | {"why": "it was unclear"} | changes


def save(policies, stored=None, policy_id="tickets", **changes):
    form = form_of(policies, policy_id, **changes)
    return save_pages.save(visit(policies, stored, form=form, policy_id=policy_id))


def document(policies, policy_id="tickets"):
    return (policies / policy_id / "policy.md").read_text()


def edited(policies):
    return document(policies).replace("a swap.", "an exchange.")


def files(policies, policy_id="tickets"):
    return {each.name: each.read_bytes() for each in (policies / policy_id).iterdir()}


def found_in(policies, **changes):
    """Return what the part beside the editor finds."""
    form = form_of(policies, **changes)
    return edit_pages.findings(visit(policies, form=form, policy_id="tickets")).values["edit"].notes
