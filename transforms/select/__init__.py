"""Which messages of a slice of history are decided anew."""

from transforms.select.decided import Decided
from transforms.select.replayed import Replayed
from transforms.select.selection import Selection, fingerprints
from transforms.select.step import KeepSelected, SkipDecided, Weigh

__all__ = [
    "Decided",
    "KeepSelected",
    "Replayed",
    "Selection",
    "SkipDecided",
    "Weigh",
    "fingerprints",
]
