"""What a table of the dataset lacks, and why one cannot be brought up to date without a loss."""

import re
from collections.abc import Sequence

from google.cloud.bigquery import SchemaField, Table

from weir.infra.bigquery.ddl import Column

# As the service names the types that the DDL names.
_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN"}
_ARRAY = re.compile(r"ARRAY<(?P<of>.*)>")
_STRUCT = re.compile(r"STRUCT<(?P<fields>.*)>")


def missing_columns(found: Sequence[SchemaField], wanted: Sequence[Column]) -> list[Column]:
    """Return the columns that a table lacks: adding them loses nothing."""
    names = {field.name for field in found}
    return [column for column in wanted if column.name not in names]


def conflict(table: Table, wanted: Sequence[Column]) -> str | None:
    """Return why a table cannot become what is wanted by additions alone, without a full stop.

    Columns that nobody wants are left alone: a newer version may have made them.
    """
    if table.table_type != "TABLE":
        return f"is a {table.table_type.lower()} there and not a table"
    known = {column.name: column for column in wanted}
    for field in table.schema:
        column = known.get(field.name)
        if column is None and field.mode == "REQUIRED":
            return f"requires the column {field.name}, which this version does not write"
        if column is not None and (other := _type(field)) != (own := _declared(column.type)):
            return f"has the column {field.name} as {other}, and this version writes {own}"
    return None


def _type(field: SchemaField) -> str:
    kind = field.field_type.upper()
    if kind in ("RECORD", "STRUCT"):
        inner = ", ".join(f"{each.name} {_type(each)}" for each in field.fields)
        kind = f"STRUCT<{inner}>"
    kind = _NAMES.get(kind, kind)
    return f"ARRAY<{kind}>" if field.mode == "REPEATED" else kind


def _declared(kind: str) -> str:
    if array := _ARRAY.fullmatch(kind):
        return f"ARRAY<{_declared(array['of'])}>"
    if struct := _STRUCT.fullmatch(kind):
        fields = (each.split(" ", 1) for each in struct["fields"].split(", "))
        inner = ", ".join(f"{name} {_declared(of)}" for name, of in fields)
        return f"STRUCT<{inner}>"
    return _NAMES.get(kind, kind)
