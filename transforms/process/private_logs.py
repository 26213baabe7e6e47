"""What libraries log of what they send: at DEBUG whole requests, posts and keys among them."""

import logging


def withhold_content(*libraries: str) -> None:
    """Let these libraries log nothing below INFO, whatever the level of the logs around theirs.

    Every logger gets a filter, and keeps its level: one that is set for the whole library still
    counts. Call it when they have been imported: their loggers are then there.
    """
    for name in list(logging.root.manager.loggerDict):
        if any(name == library or name.startswith(f"{library}.") for library in libraries):
            logging.getLogger(name).addFilter(_without_content)


def _without_content(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO
