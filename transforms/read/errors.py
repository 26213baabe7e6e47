"""What can be wrong with a source, each with what to do about it."""


class SourceError(ValueError):
    """The source cannot be read as asked; the message says what to do, in a sentence or two."""


class LostMessagesError(RuntimeError):
    """Retention removed messages before they were read; the message says how many, and where."""
