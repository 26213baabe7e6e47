"""What libraries log of what they send: at DEBUG whole requests, posts and keys among them."""

import logging


def withhold_content(*libraries: str) -> None:
    """Let these libraries log nothing below INFO, whatever the level of the logs around theirs.

    Every logger gets a level of its own, so that one that is set above it does not count. Call it
    when they have been imported: their loggers are then there.
    """
    for name in list(logging.root.manager.loggerDict):
        if any(name == library or name.startswith(f"{library}.") for library in libraries):
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))
