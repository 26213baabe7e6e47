"""What the commands log: warnings and worse, less what dependencies say about nothing."""

import logging

# Beam looks for Google's optional packages as it is imported, and kafka-python reports the request
# that it was waiting for when it is closed, and its own pauses.
_NOISE = (
    "Failed to import GCSFileSystem",
    "apitools not found",
    "Metadata refresh: failed Cancelled",
    "It is blocking the event loop",
)


def configure() -> None:
    """Send warnings to stderr, where nobody configured logging before."""
    handler = logging.StreamHandler()
    handler.addFilter(_is_news)
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", handlers=[handler]
    )


def _is_news(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(noise in message for noise in _NOISE)
