"""What the analysts' commands share: the days they look at, and the file they write."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from weir.pipelines.errors import OptionError


def since(days: int) -> date | None:
    """Return the first of so many days up to today; None for 0, which is all of them."""
    if not 0 <= days <= 36_500:
        raise OptionError(f"--days is {days}; give a number of days, or 0 for all")
    return datetime.now(UTC).date() - timedelta(days=days - 1) if days else None


@contextmanager
def explain_write_errors(path: Path) -> Iterator[None]:
    """Turn what keeps a file from being written into an OptionError."""
    try:
        yield
    except OSError as error:
        raise OptionError(f"{path} cannot be written: {error.strerror}") from error
