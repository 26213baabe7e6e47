"""The file of ``--access`` taken up as it changes: who is taken out of it is out at once."""

import logging
from collections.abc import Mapping
from pathlib import Path

from weir.pipelines.console.access import BySignedHeader, ByToken, Stamp, stamp_of
from weir.pipelines.console.access_file import AccessFileError, read_access
from weir.pipelines.console.people import Person
from weir.pipelines.errors import OptionError

_LOG = logging.getLogger(__name__)


class Reloaded:
    """Knows people by a file, which is looked at whenever somebody asks for a page.

    One that is not understood, or is gone, leaves those before it in force, and the log says so:
    where in the file, and nothing of what stands there. OptionError for the first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._told = stamp_of(path)
        self._access: ByToken | BySignedHeader = read_access(path)

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names that the file has the console answer to."""
        return self._now().hosts

    @property
    def signs_in(self) -> bool:
        """Return whether people give tokens."""
        return self._now().signs_in

    def person(self, headers: Mapping[str, str], token: str) -> Person | None:
        """Return who asks, as the file has it now."""
        return self._now().person(headers, token)

    def _now(self) -> ByToken | BySignedHeader:
        stamp = stamp_of(self._path)
        if stamp != self._seen:
            self._take_up(stamp)
        return self._access

    def _take_up(self, stamp: Stamp) -> None:
        try:
            self._access = read_access(self._path)
        except (OSError, OptionError) as error:
            if stamp != self._told:
                _LOG.warning(
                    "--access %s is not understood (%s): who was let in before still is, and "
                    "nobody new; mend it",
                    error.place if isinstance(error, AccessFileError) else self._path,
                    type(error).__name__,
                )
            self._told = stamp
            # What is wrong in the file stays so until it changes; the keys that it names, or
            # what kept it from being read, may be mended without: it is tried again.
            if isinstance(error, AccessFileError):
                self._seen = stamp
        else:
            self._seen = self._told = stamp
            _LOG.info("--access %s was taken up: %d people", self._path, len(self._access.people))
