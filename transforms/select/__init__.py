"""Which messages of a slice of history are decided anew."""

from weir.transforms.select.decided_offsets import Decided
from weir.transforms.select.replayed_slice import Replayed
from weir.transforms.select.selection import Selection, fingerprints
from weir.transforms.select.step import KeepSelected, SkipDecided, Weigh

__all__ = [
    "Decided",
    "KeepSelected",
    "Replayed",
    "Selection",
    "SkipDecided",
    "Weigh",
    "fingerprints",
]
