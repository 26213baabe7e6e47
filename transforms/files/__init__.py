"""Files of posts and labels: CSV, JSON and Parquet, read whole or refused with the line."""

from weir.transforms.files.read import read_content, read_file
from weir.transforms.files.records import (
    Fault,
    FileError,
    NoColumnError,
    Record,
    Records,
    list_faults,
    no_column,
)

__all__ = [
    "Fault",
    "FileError",
    "NoColumnError",
    "Record",
    "Records",
    "list_faults",
    "no_column",
    "read_content",
    "read_file",
]
