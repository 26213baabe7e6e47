"""Rows of the small tables, which say what stands behind the versions on every other row."""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

from google.cloud import bigquery

from weir.pipelines.bigquery.queries import execute
from weir.transforms.write.bigquery.sink import BigQuerySettings

_TYPES = {str: "STRING", int: "INT64", float: "FLOAT64", datetime: "TIMESTAMP"}
Value = str | int | float | datetime


def insert_once(settings: BigQuerySettings, table: str, key: str, row: dict[str, Value]) -> None:
    """Store a row, unless there is one whose key column has the same value."""
    columns, values = ", ".join(row), ", ".join(f"@{column}" for column in row)
    name = f"`{settings.project}.{settings.dataset}.{table}`"
    executed(
        settings,
        f"INSERT INTO {name} ({columns}) SELECT {values} FROM (SELECT 1) "  # noqa: S608 - our names
        f"WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE {key} = @{key})",
        row,
    )


def insert(settings: BigQuerySettings, table: str, row: Mapping[str, Value | None]) -> None:
    """Store a row; what is None is left out."""
    row = {column: value for column, value in row.items() if value is not None}
    columns, values = ", ".join(row), ", ".join(f"@{column}" for column in row)
    name = f"`{settings.project}.{settings.dataset}.{table}`"
    executed(settings, f"INSERT INTO {name} ({columns}) VALUES ({values})", row)  # noqa: S608 - our names


def executed(
    settings: BigQuerySettings, sql: str, row: Mapping[str, Value | None]
) -> list[dict[str, Any]]:
    """Return the rows of a statement whose parameters are a row's columns."""
    with closing(settings.client()) as client:
        return execute(
            client,
            sql,
            [
                bigquery.ScalarQueryParameter(column, _TYPES[type(value)], value)
                for column, value in row.items()
            ],
        )
