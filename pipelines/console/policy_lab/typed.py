"""What a form of the editor holds, and what may become of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from weir.pipelines.console.policy_lab.edit import Edit, edit_of
from weir.pipelines.console.policy_lab.folder import (
    DRAFT,
    DRAFT_EXAMPLES,
    Entry,
    Folder,
)
from weir.pipelines.console.visit import RefusedError
from weir.pipelines.word_changes import Piece, changed_words
from weir.policies.draft import UNTOUCHED, is_untouched
from weir.policies.loading import DOCUMENT, EXAMPLES
from weir.policies.policy import PolicyError, Status

DRAFTED, KEPT = "draft", "same"  # what becomes of an edit, beside another status
WORDS = {
    DRAFTED: "Save as a draft",
    KEPT: "Save",
    Status.SHADOW.value: "Put in shadow",
    Status.ACTIVE.value: "Put in force",
    Status.RETIRED.value: "Retire",
}


@dataclass(frozen=True)
class Typed:
    """A text, of which state of the files it was opened, and what is to be done with it.

    ``before`` is the status and the version of the policy when that was shown, for the record.
    """

    document: str
    examples: str | None
    stamp: str
    then: str
    why: str = ""
    version: str = ""  # that is brought back, where one is
    before: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> "Typed":
        """Return it; RefusedError for a form that is none of the editor's."""
        then = form.get("then", KEPT)
        if then not in WORDS or "document" not in form or "stamp" not in form:
            raise RefusedError("This is no form of the editor")
        return cls(
            form["document"],
            form.get("examples"),
            form["stamp"],
            then,
            form.get("why", "").strip(),
            form.get("version", ""),
            form.get("before", ""),
        )

    @property
    def drafted(self) -> bool:
        """Return whether no job is to read it."""
        return self.then == DRAFTED

    @property
    def verb(self) -> str:
        """Return what is to be done, in the words of a button."""
        return f"Bring version {self.version} back" if self.version else WORDS[self.then]

    @property
    def edit(self) -> Edit:
        """Return what it comes to; PolicyError where it cannot be given the status."""
        edit = edit_of(self.document, self.examples)
        return edit if self.then in (DRAFTED, KEPT) else edit.as_status(Status(self.then))


def opened(entry: Entry, *, drafted: bool) -> tuple[str, str | None]:
    """Return the text of a document and its examples; of examples too long for here None.

    RefusedError for a document that is.
    """
    names = (DRAFT, DRAFT_EXAMPLES) if drafted else (DOCUMENT, EXAMPLES)
    if names[0] in entry.unread:
        raise RefusedError(f"{entry.name}/{names[0]}: {entry.unread[names[0]]}")
    examples = None if names[1] in entry.unread else entry.text(names[1]).text
    return entry.text(names[0]).text, examples


def passages(
    before: tuple[str, str | None], after: tuple[str, str | None]
) -> dict[str, list[list[Piece]]]:
    """Return which words change, by the file."""
    found = zip((DOCUMENT, EXAMPLES), before, after, strict=True)
    return {
        name: changed_words(old or "", new or "")
        for name, old, new in found
        if new is not None and old != new
    }


def require_usable(folder: Folder, entry: Entry, edit: Edit) -> None:
    """Raise PolicyError for what no job could take, and for a template put before one."""
    if edit.policy is None:
        (note,) = edit.notes
        raise PolicyError(f"{note.file}:{note.line}: {note.message}")
    if entry.policy and entry.policy.policy_id != edit.policy.policy_id:
        raise PolicyError(
            f"policy.md:2: the id was {entry.policy.policy_id}, under which all decisions are "
            "stored: leave it, or begin a new policy"
        )
    if edit.policy.status is not Status.RETIRED and is_untouched(edit.policy):
        raise PolicyError(f"{DOCUMENT}:0: {UNTOUCHED}")
    folder.require_sound(entry.name, edit.policy)
