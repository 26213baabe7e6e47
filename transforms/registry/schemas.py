"""The schemas of a process: each asked for once, kept, waited for while the registry is away."""

import logging
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from weir.transforms.process.draining import STOPPING
from weir.transforms.registry.client import RegistryClient
from weir.transforms.registry.settings import (
    LARGEST_ID,
    AwayError,
    RegistryError,
    RegistrySettings,
    Schema,
    UnknownSchemaError,
)

_LOG = logging.getLogger(__name__)
_UNKNOWN_SECONDS = 60.0  # that an id is taken for unknown, once the registry has said so
_MOST_KEPT = 10_000  # of either kind
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 15.0
_SAY_AGAIN_SECONDS = 60.0
_LOOK_SECONDS = 0.25  # at whether the job is to stop


class Asked(Protocol):
    """What schemas are asked of."""

    def schema(self, number: int) -> Schema:
        """Return the schema of an id. Raises UnknownSchemaError, AwayError."""
        ...


class Schemas:
    """Finds schemas by their ids, for all threads of a process.

    While the registry is away whoever asks for an id that is not known yet waits, as a consumer
    waits for a broker: its messages are read once it is back, in their order. A dead letter each
    would leave a person to redrive a stream, after an outage that ends by itself. Schemas that are
    known are not asked for again, so most streams never notice.
    """

    def __init__(
        self,
        asked: Asked,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._asked = asked
        self._clock = clock
        self._sleep = sleep
        self._known: dict[int, Schema] = {}
        self._unknown: dict[int, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def get(self, number: int) -> Schema:
        """Return the schema of an id; wait for a registry that is away.

        Raises UnknownSchemaError where there is none, RegistryError where the job is told to stop
        meanwhile: then what it was wanted for is read again by the next run.
        """
        if (known := self._known.get(number)) is not None:
            return known
        with self._lock:
            if (known := self._known.get(number)) is not None:
                return known
            said, until = self._unknown.get(number, ("", 0.0))
            if self._clock() < until:
                raise UnknownSchemaError(said)
            if not 0 < number <= LARGEST_ID:
                raise UnknownSchemaError("ids go from 1 to 2,147,483,647")
            try:
                schema = self._waited_for(number)
            except UnknownSchemaError as error:
                _make_room(self._unknown)
                self._unknown[number] = str(error), self._clock() + _UNKNOWN_SECONDS
                raise
            _make_room(self._known)
            self._known[number] = schema
            return schema

    def _waited_for(self, number: int) -> Schema:
        wait, began, said = _FIRST_WAIT, self._clock(), float("-inf")
        while True:
            try:
                schema = self._asked.schema(number)
            except AwayError as error:
                if STOPPING.is_set():
                    raise RegistryError(
                        f"Schema {number} could not be had of the registry: {error}. Its messages "
                        "are not lost: the next run of the name begins with them."
                    ) from None
                if self._clock() - said >= _SAY_AGAIN_SECONDS:
                    said = self._clock()
                    _LOG.warning(
                        "waiting for the schema registry, which schema %d is wanted of: %s",
                        number,
                        error,
                    )
                self._pause(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
            else:
                if said > float("-inf"):
                    waited = self._clock() - began
                    _LOG.warning("the schema registry is back after %.0f s", waited)
                return schema

    def _pause(self, seconds: float) -> None:
        until = self._clock() + seconds
        while not STOPPING.is_set() and (left := until - self._clock()) > 0:
            self._sleep(min(left, _LOOK_SECONDS))


@lru_cache(maxsize=8)
def process_schemas(settings: RegistrySettings) -> Schemas:
    """Return the schemas of a registry, the same for all steps of the process."""
    return Schemas(RegistryClient(settings))


def _make_room(kept: dict[int, Any]) -> None:
    if len(kept) >= _MOST_KEPT:
        del kept[next(iter(kept))]
