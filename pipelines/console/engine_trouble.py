"""What goes wrong while a judge is asked beside a page, in a sentence."""

import logging
from collections.abc import Callable

from weir.errors import WeirError

_LOG = logging.getLogger(__name__)


def problem_of(what: str, work: Callable[[], None]) -> str | None:
    """Do some work, and return what kept it from its end; None where nothing did.

    ``what`` names it in the log. What an engine's error says may quote a post, and is not told.
    """
    try:
        work()
    except WeirError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - not its message, which may quote a post
        _LOG.warning("%s ended with %s", what, type(error).__name__)
        return f"The engine failed ({type(error).__name__})"
    return None
