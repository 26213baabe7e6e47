"""What the commands log: Weir's own news, and warnings, less what dependencies say of nothing."""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

# Beam looks for Google's optional packages as it is imported, and warns of every service that it
# starts as it was asked to. And kafka-python reports the request
# that it was waiting for when it is closed, and its own pauses.
_NOISE = (
    "Failed to import GCSFileSystem",
    "apitools not found",
    "Metadata refresh: failed Cancelled",
    "It is blocking the event loop",
    "Really starting service",
)


def configure() -> None:
    """Send news and warnings to stderr, where nobody configured logging before."""
    handler = logging.StreamHandler()
    handler.addFilter(_is_news)
    logging.basicConfig(
        level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", handlers=[handler]
    )
    logging.getLogger("weir").setLevel(logging.INFO)


def as_json() -> None:
    """Write each record as one JSON object a line, from now on."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Json())


class _Json(logging.Formatter):
    """An error's own message is left out: a library's may quote what it was given."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            said["error"] = f"{kind.__module__}.{kind.__qualname__}"
            said["at"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(trace)
            ]
        return json.dumps(said)


def _is_news(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(noise in message for noise in _NOISE)
