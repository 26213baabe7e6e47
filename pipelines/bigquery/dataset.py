"""A dataset, and statements over it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from google.cloud import bigquery

from weir.pipelines.bigquery.errors import explain_errors
from weir.pipelines.bigquery.queries import Parameter, change, estimate, execute
from weir.transforms.write.bigquery.sink import BigQuerySettings

Value = str | int | float | bool | date | datetime
_TYPES = {
    str: "STRING",
    int: "INT64",
    float: "FLOAT64",
    bool: "BOOL",
    date: "DATE",
    datetime: "TIMESTAMP",
}


@dataclass(frozen=True)
class Dataset:
    """A dataset by its full name, and the client that asks for it.

    In a statement ``{dataset}`` stands for the name, and ``@run`` for the value given as ``run``.
    One that would be billed for more than ``max_bytes`` is refused.
    """

    client: bigquery.Client
    name: str
    max_bytes: int | None = None

    def rows(self, sql: str, **values: Value | list[str]) -> list[dict[str, Any]]:
        """Return the rows of a statement; see ``queries.execute``."""
        named = self._named(sql)
        return execute(self.client, named, parameters(values), max_bytes=self.max_bytes)

    def bytes_read(self, sql: str, **values: Value | list[str]) -> int | None:
        """Return how many bytes a statement would be billed for; see ``queries.estimate``."""
        return estimate(self.client, self._named(sql), parameters(values))

    def change(self, sql: str, *, seconds: float, **values: Value | list[str]) -> int:
        """Return how many rows a DELETE or MERGE changed; see ``queries.change``."""
        return change(self.client, self._named(sql), parameters(values), seconds=seconds)

    def _named(self, sql: str) -> str:
        return sql.replace("{dataset}", self.name)


def parameters(values: dict[str, Value | list[str]]) -> list[Parameter]:
    """Return values as the parameters of a statement, by name."""
    return [
        bigquery.ArrayQueryParameter(name, "STRING", value)
        if isinstance(value, list)
        else bigquery.ScalarQueryParameter(name, _TYPES[type(value)], value)
        for name, value in values.items()
    ]


@contextmanager
def connect(settings: BigQuerySettings, max_bytes: int | None = None) -> Iterator[Dataset]:
    """Give the dataset; what goes wrong is raised as Google's clients have it."""
    with closing(settings.client()) as client:
        yield Dataset(client, settings.full_name, max_bytes)


@contextmanager
def open_dataset(settings: BigQuerySettings, max_bytes: int | None = None) -> Iterator[Dataset]:
    """Give the dataset; what goes wrong with it is raised as a TablesError."""
    with explain_errors(settings), connect(settings, max_bytes) as dataset:
        yield dataset
