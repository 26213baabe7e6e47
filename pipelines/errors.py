"""What cannot work ends in one or two sentences and exit code 2, not in a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from weir.errors import WeirError


class OptionError(WeirError, ValueError):
    """An option is wrong; the message names it, the value, and the way out."""


class NotStoppedError(WeirError):
    """A job that was told to stop may still run; the message says where to look."""


@contextmanager
def reported() -> Iterator[None]:
    """Turn an expected error into its message on stderr and SystemExit(2)."""
    try:
        yield
    except WeirError as error:
        sys.stderr.write(f"weir: {error}\n")
        raise SystemExit(2) from error
