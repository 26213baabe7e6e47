"""ActivityPub: notes that were created, updated or deleted, or as they stand; other activities not.

The forms are those of https://www.w3.org/TR/activitypub/ and the vocabulary that it builds on. The
content is HTML: what a reader sees of it is the text.
"""

import re
from collections.abc import Sequence

import numpy as np

from weir.transforms.arrays import Mask
from weir.transforms.decode.envelopes.envelope import Envelope, Seen, first_of, there
from weir.transforms.decode.fates import Failed, Fates
from weir.transforms.decode.leaves import Kind, Leaf, Wanted
from weir.transforms.text.markup import visible_text

_POSTS = ("Note", "Article", "Page", "Question")
_DONE = ("Create", "Update", "Delete")
# What is counted by its name: anybody may write a type of his own.
_OTHERS = (
    "Announce",
    "Like",
    "Follow",
    "Undo",
    "Accept",
    "Reject",
    "Block",
    "Flag",
    "Add",
    "Remove",
)
_TYPE, _OF = ("type",), ("object", "type")
_OBJECT, _ACTOR = ("object", "id"), ("actor",)
_LANGUAGES = (("object", "contentMap"), ("contentMap",))
_UPDATED = (("object", "updated"), ("updated",))
_LINE = re.compile(r"</p\s*>|</li\s*>|</h[1-6]\s*>|<br\s*/?>", re.IGNORECASE)


def rule(seen: Seen, fates: Fates) -> None:
    """Say what each activity did to a note."""
    bare = seen.says(_POSTS, _TYPE)
    done = seen.says(_DONE, _TYPE)
    for other in _OTHERS:
        fates.leave_out(other, seen.says(other, _TYPE))
    fates.fail(_NO_ACTIVITY, ~there(seen.column(_TYPE)))
    fates.leave_out("another activity", ~bare & ~done)
    named = seen.column(_OBJECT)
    actor = _equal(named, seen.column(_ACTOR))
    fates.leave_out("an account", done & actor)
    deleted = seen.says("Delete", _TYPE)
    fates.delete(deleted)
    named_otherwise = there(seen.column(_OF)) & ~seen.says(_POSTS, _OF)
    fates.leave_out("another object", done & ~deleted & named_otherwise)
    fates.edit(seen.says("Update", _TYPE))
    seen.ids = [
        of if within else own
        for within, of, own in zip(done.tolist(), named, seen.column(("id",)), strict=True)
    ]
    seen.texts = [read_html(text) if isinstance(text, str) else text for text in seen.texts]
    own = [next(iter(names), None) if names else None for names in seen.column(*_LANGUAGES)]
    seen.languages = first_of([seen.languages, own])
    seen.happened = seen.column(*_UPDATED, ("published",))


def read_html(content: str) -> str:
    """Return what a reader sees of HTML, a paragraph a line."""
    if "<" not in content and "&" not in content:
        return content
    lines = (visible_text(line).strip() for line in _LINE.split(content))
    return "\n".join(filter(None, lines))


def _equal(some: Sequence[Leaf], others: Sequence[Leaf]) -> Mask:
    pairs = zip(some, others, strict=True)
    return np.fromiter((a is not None and a == b for a, b in pairs), np.bool_, len(some))


_NO_ACTIVITY = Failed("not_an_activity", "The value has no type.")

ENVELOPE = Envelope(
    inside=(("object",), ()),
    times=(("published",),),
    reads=(
        *(Wanted(path, Kind.SCALAR) for path in (_TYPE, _OF)),
        Wanted(_OBJECT, Kind.REFERENCE),
        Wanted(_ACTOR, Kind.NAME),
        Wanted(("id",), Kind.NAME),
        *(Wanted(path, Kind.TIME) for path in _UPDATED),
        *(Wanted(path, Kind.KEYS) for path in _LANGUAGES),
    ),
    fields={
        "text_field": ("name", "summary", "content", "attachment[].name"),
        "time_field": "published",
        "language_field": "language",
    },
    rule=rule,
    tells_changes=True,
)
