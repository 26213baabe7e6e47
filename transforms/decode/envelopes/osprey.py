"""Osprey's actions: ``{"send_time", "data": {"action_id", "action_name", "data": {...}}}``.

The form is that of the topic osprey.actions_input, see https://github.com/roostorg/osprey.
"""

from weir.transforms.decode.envelopes.envelope import Envelope, Seen, first_of, there
from weir.transforms.decode.fates import Failed, Fates
from weir.transforms.decode.leaves import Kind, Wanted

_ACTION, _NAME = ("data", "action_id"), ("data", "action_name")


def rule(seen: Seen, fates: Fates) -> None:
    """Say which messages are actions; one whose post has no id is named by its own."""
    fates.fail(_NO_ACTION, ~there(seen.column(_NAME)))
    seen.ids = first_of([seen.ids, seen.column(_ACTION)])


_NO_ACTION = Failed("not_an_action", "The value has no data.action_name.")

ENVELOPE = Envelope(
    inside=(("data", "data"),),
    times=(("send_time",),),
    reads=(Wanted(_ACTION, Kind.NAME), Wanted(_NAME, Kind.SCALAR)),
    rule=rule,
)
