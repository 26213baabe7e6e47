"""Bluesky's Jetstream: posts created, updated and deleted; likes, follows and accounts left out.

The form is that of https://github.com/bluesky-social/jetstream ("Consuming Jetstream") and of the
lexicon app.bsky.feed.post.
"""

from weir.transforms.decode.envelopes.envelope import Envelope, Seen, there
from weir.transforms.decode.fates import Failed, Fates
from weir.transforms.decode.leaves import Kind, Wanted

POST = "app.bsky.feed.post"
_KIND, _OPERATION = ("kind",), ("commit", "operation")
_COLLECTION, _RKEY, _DID = ("commit", "collection"), ("commit", "rkey"), ("did",)
# Anybody may write records of a collection of his own: only these are counted by their names.
_COLLECTIONS = (
    "app.bsky.feed.like",
    "app.bsky.feed.repost",
    "app.bsky.feed.threadgate",
    "app.bsky.feed.postgate",
    "app.bsky.graph.follow",
    "app.bsky.graph.block",
    "app.bsky.graph.listitem",
    "app.bsky.actor.profile",
)


def rule(seen: Seen, fates: Fates) -> None:
    """Say what each event did to a post, and name it as others do: by an AT URI."""
    commit = seen.says("commit", _KIND)
    for kind in ("identity", "account"):
        fates.leave_out(kind, seen.says(kind, _KIND))
    fates.fail(_NO_EVENT, ~commit | ~there(seen.column(_COLLECTION)))
    for collection in _COLLECTIONS:
        fates.leave_out(collection, commit & seen.says(collection, _COLLECTION))
    fates.leave_out("another collection", commit & ~seen.says(POST, _COLLECTION))
    fates.delete(seen.says("delete", _OPERATION))
    fates.edit(seen.says("update", _OPERATION))
    seen.ids = [
        f"at://{did}/{POST}/{key}" if isinstance(did, str) and isinstance(key, str) else None
        for did, key in zip(seen.column(_DID), seen.column(_RKEY), strict=True)
    ]
    seen.happened = seen.column(("time_us",))


_NO_EVENT = Failed(
    "not_a_jetstream_event", "The value has no kind or no collection that Jetstream writes."
)

ENVELOPE = Envelope(
    inside=(("commit", "record"),),
    times=(("time_us",),),
    reads=(
        *(Wanted(path, Kind.SCALAR) for path in (_KIND, _OPERATION, _COLLECTION)),
        Wanted(_RKEY, Kind.NAME),
        Wanted(_DID, Kind.NAME),
    ),
    fields={
        "text_field": ("text", "embed.images[].alt", "embed.external.title"),
        "time_field": "createdAt",
        "language_field": "langs",
    },
    rule=rule,
    tells_changes=True,
)
