"""Rows of the small tables, which say what stands behind the versions on every other row."""

from collections.abc import Mapping

from weir.pipelines.bigquery.dataset import Dataset, Value, connect
from weir.transforms.write.bigquery.sink import BigQuerySettings


def insert_once(settings: BigQuerySettings, table: str, key: str, row: dict[str, Value]) -> None:
    """Store a row, unless there is one whose key column has the same value."""
    columns, values = ", ".join(row), ", ".join(f"@{column}" for column in row)
    name = f"`{settings.full_name}.{table}`"
    with connect(settings) as dataset:
        dataset.rows(
            f"INSERT INTO {name} ({columns}) SELECT {values} FROM (SELECT 1) "  # noqa: S608 - our names
            f"WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE {key} = @{key})",
            **row,
        )


def insert(settings: BigQuerySettings, table: str, row: Mapping[str, Value | None]) -> None:
    """Store a row; what is None is left out."""
    with connect(settings) as dataset:
        insert_into(dataset, table, row)


def insert_into(dataset: Dataset, table: str, row: Mapping[str, Value | None]) -> None:
    """Store a row in a dataset that is open; what is None is left out."""
    known = {column: value for column, value in row.items() if value is not None}
    columns, values = ", ".join(known), ", ".join(f"@{column}" for column in known)
    dataset.rows(f"INSERT INTO `{{dataset}}.{table}` ({columns}) VALUES ({values})", **known)  # noqa: S608 - our names
