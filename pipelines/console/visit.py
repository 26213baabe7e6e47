"""A visit to a page, and what comes of it: what a page's function takes and returns.

Such a function knows nothing of the web: it takes a Visit and returns a Shown, a Moved or a Saved.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from weir.errors import WeirError
from weir.pipelines.bigquery.dataset import Dataset, Value, open_dataset
from weir.pipelines.console.people import Person, Role
from weir.pipelines.console.setup import Setup


class RefusedError(WeirError):
    """A visit that comes to nothing; ``status`` says why to a browser, the message to a person.

    ``ways`` are addresses to go on to, by what to call them.
    """

    def __init__(
        self,
        message: str,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        ways: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.ways = ways or {}


@dataclass(frozen=True)
class Visit:
    """Who asks for a page, and with what; of names given several times, ``form`` has the last."""

    setup: Setup
    person: Person
    address: str  # path and query, as asked for
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    chosen: tuple[str, ...] = field(default=(), repr=False)  # every ``chosen`` of the form
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def run(self) -> str:
        """Return the run that the page is about."""
        return self.query.get("run", "").strip() or self.setup.run

    @property
    def first_day(self) -> date:
        """Return the first of the days that a page is about whose address names none."""
        return self.first_of(self.setup.days)

    def first_of(self, days: int) -> date:
        """Return the first of the last so many days, today among them."""
        return self.now.astimezone(UTC).date() - timedelta(days=days - 1)

    @contextmanager
    def dataset(self) -> Iterator[Dataset]:
        """Give the dataset, where a question may be billed for so much at most. TablesError."""
        with open_dataset(self.setup.bigquery, self.setup.max_bytes) as dataset:
            yield dataset

    def rows(self, sql: str, **values: Value | list[str]) -> list[dict[str, Any]]:
        """Return the rows of one statement; see ``Dataset.rows``. TablesError."""
        with self.dataset() as dataset:
            return dataset.rows(sql, **values)


@dataclass(frozen=True)
class Shown:
    """A page: a template of this package by its name, such as ``now/now.html.j2``, filled in."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True)
class Moved:
    """On to another page once something was done, which says so there."""

    to: str
    said: str = ""


@dataclass(frozen=True)
class Saved:
    """A file to keep."""

    name: str
    media_type: str
    content: Iterable[bytes]


Answer = Shown | Moved | Saved
Handler = Callable[[Visit], Answer]


@dataclass(frozen=True)
class Page:
    """An address, who may go there, and what happens; one that ``changes`` something is a POST.

    ``path`` is as Starlette has it, such as ``/posts/{decision_id}``. ``names`` are the filters
    that its address may have, None where nobody looks: a misspelled one would show everything.
    ``form`` shows a form again whose sending was refused, with what the visit says was typed.
    """

    path: str
    handler: Handler
    role: Role = Role.READER
    changes: bool = False
    names: tuple[str, ...] | None = None
    form: Handler | None = None


def address(path: str, /, **query: str | int | None) -> str:
    """Return a path with what is asked for; what is empty or None is left out."""
    said = urlencode({name: value for name, value in query.items() if value not in (None, "")})
    return f"{path}?{said}" if said else path
