"""What can be wrong with a source, each with what to do about it."""

from weir.errors import WeirError


class SourceError(WeirError, ValueError):
    """The source cannot be read as asked; the message says what to do, in a sentence or two."""


class LostMessagesError(RuntimeError):
    """Messages are gone before they were read; the message says which, and the way out."""


class TopicRecreatedError(LostMessagesError):
    """The topic was deleted and made anew: the offsets to read are those of another topic."""
