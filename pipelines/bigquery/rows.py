"""Rows of the small tables, which say what stands behind the versions on every other row."""

from collections.abc import Mapping

from weir.pipelines.bigquery.dataset import Dataset, Value, connect
from weir.transforms.write.bigquery.sink import BigQuerySettings


def insert_once(settings: BigQuerySettings, table: str, key: str, row: dict[str, Value]) -> None:
    """Store a row, unless there is one whose key column has the same value."""
    with connect(settings) as dataset:
        insert_once_into(dataset, table, key, row)


def insert_once_into(
    dataset: Dataset, table: str, key: str, row: Mapping[str, Value | None]
) -> None:
    """Do the same in a dataset that is open; what is None is left out."""
    known, columns, values = _written(row)
    name = f"`{{dataset}}.{table}`"
    dataset.rows(
        f"INSERT INTO {name} ({columns}) SELECT {values} FROM (SELECT 1) "  # noqa: S608 - our names
        f"WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE {key} = @{key})",
        **known,
    )


def insert(settings: BigQuerySettings, table: str, row: Mapping[str, Value | None]) -> None:
    """Store a row; what is None is left out."""
    with connect(settings) as dataset:
        insert_into(dataset, table, row)


def insert_into(dataset: Dataset, table: str, row: Mapping[str, Value | None]) -> None:
    """Store a row in a dataset that is open; what is None is left out."""
    known, columns, values = _written(row)
    dataset.rows(f"INSERT INTO `{{dataset}}.{table}` ({columns}) VALUES ({values})", **known)  # noqa: S608 - our names


def _written(row: Mapping[str, Value | None]) -> tuple[dict[str, Value], str, str]:
    """Return what is known of a row, its columns, and the parameters that stand for them."""
    known = {column: value for column, value in row.items() if value is not None}
    return known, ", ".join(known), ", ".join(f"@{column}" for column in known)
